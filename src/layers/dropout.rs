//! `dropout`: in training, each element is dropped with probability `rate` and the rest scaled by
//! 1 / (1 - rate) (Srivastava et al. 2014). Draws are counter-based, by seed, layer, step and element, so the
//! gradient draws them again and no mask is kept.

use serde::{Deserialize, Serialize};

use super::reach::Reach;
use super::plan::{Lowering, Operation, Purpose, ValueId};
use super::record::{At, Step};
use super::{Describe, Layer, Shape, values};
use crate::kernels::{self, Span, dropout, dropout_gradient, random};

/// In training, each element is dropped with probability `rate` and the rest scaled up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Dropout {
    /// From 0 to below 1.
    pub rate: f64,
}

impl Layer {
    /// In training, each element is dropped with probability `rate`, from 0 to below 1.
    pub fn dropout(rate: f64) -> Layer {
        Dropout { rate }.into()
    }
}

impl Describe for Dropout {
    fn kind(&self) -> &'static str {
        "dropout"
    }

    fn title(&self) -> &'static str {
        "Dropout"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        if !(0.0..1.0).contains(&self.rate) {
            return Err(format!("the rate is {}, but must be at least 0 and below 1", self.rate));
        }
        values(inputs[0])
    }

    fn at_rest(&self) -> Option<Layer> {
        Some(Layer::dropout(0.0))
    }

    fn reach(&self) -> Reach {
        Reach::Pixel
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        if self.rate == 0.0 {
            return inputs[0];
        }
        let operation = Drop { rate: self.rate, stream: to.layer() as u32 };
        to.operation(operation, inputs, to.shape(inputs[0]))
    }
}

/// Dropout whose draws are those of `stream`.
#[derive(Debug)]
struct Drop {
    rate: f64,
    stream: u32,
}

impl Operation for Drop {
    fn is_cheap(&self) -> bool {
        true
    }

    fn passes_on(&self, purpose: Purpose) -> bool {
        purpose != Purpose::Training
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let params = dropout::Params {
            count: at.output.len as u32,
            first: (step.first * at.shape.width()) as u32,
            threshold: random::drop_threshold(self.rate),
            scale: (1.0 / (1.0 - self.rate)) as f32,
            seed: random::fold_seed(step.space.seed),
            stream: self.stream,
        };
        let (state, input, output) = (step.space.state, at.inputs[0].span, at.output);
        step.push(dropout::dispatch(params, dropout::Bindings { state, input, output }));
        kernels::Activation::Linear
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let Some(d_input) = d_inputs[0] else { return };
        let params = dropout_gradient::Params {
            count: d_output.len as u32,
            first: (step.first * at.shape.width()) as u32,
            threshold: random::drop_threshold(self.rate),
            scale: (1.0 / (1.0 - self.rate)) as f32,
            seed: random::fold_seed(step.space.seed),
            stream: self.stream,
            activation: at.inputs[0].activation.code(),
        };
        let (state, input) = (step.space.state, at.inputs[0].span);
        let bindings = dropout_gradient::Bindings { state, input, d_output, d_input };
        step.push(dropout_gradient::dispatch(params, bindings));
    }
}
