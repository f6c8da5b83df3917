//! `add`: the sum of what the layer before gives and what an earlier one gave, of the same shape: a residual
//! connection (He et al. 2016). In TOML: `{ add = { from = "dense" } }`.

use serde::{Deserialize, Serialize};

use super::reach::Reach;
use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Step};
use super::{Describe, Layer, Shape, values};
use crate::kernels::{self, Span, place_columns, take_columns};

/// The sum of what the layer before gives and what an earlier one gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Add {
    /// Name of the earlier layer, as `Model::layer_names` has it.
    pub from: String,
}

impl Layer {
    /// The sum of what the layer before gives and what the earlier layer `from` gave, of the same shape.
    pub fn add(from: impl Into<String>) -> Layer {
        Add { from: from.into() }.into()
    }
}

impl Describe for Add {
    fn kind(&self) -> &'static str {
        "add"
    }

    fn title(&self) -> &'static str {
        "Add"
    }

    fn from(&self) -> Option<&str> {
        Some(&self.from)
    }

    fn renamed(&self, from: String) -> Option<Layer> {
        Some(Layer::add(from))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (before, from) = (values(inputs[0])?, values(inputs[1])?);
        match before == from {
            true => Ok(before),
            false => Err(format!(
                "the layer before gives {before} and {} gives {from}, but only equal shapes can be added",
                self.from
            )),
        }
    }

    fn can_end(&self) -> bool {
        true
    }

    fn reach(&self) -> Reach {
        Reach::Pixel
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        to.operation(Sum, inputs, to.shape(inputs[0]))
    }
}

/// The sum of its inputs, in their order.
#[derive(Debug)]
struct Sum;

impl Operation for Sum {
    fn is_cheap(&self) -> bool {
        true
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let width = at.shape.width() as u32;
        for (n, input) in at.inputs.iter().enumerate() {
            let (rows, adds) = (step.rows as u32, (n > 0) as u32);
            let params = place_columns::Params { rows, width, stride: width, first: 0, adds };
            let bindings = place_columns::Bindings { input: input.span, output: at.output };
            step.push(place_columns::dispatch(params, bindings));
        }
        kernels::Activation::Linear
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let width = at.shape.width() as u32;
        for (input, d_input) in at.inputs.iter().zip(d_inputs) {
            let Some(d_input) = *d_input else { continue };
            let (rows, activation) = (step.rows as u32, input.activation.code());
            let params = take_columns::Params { rows, width, stride: width, first: 0, activation };
            let bindings = take_columns::Bindings { input: input.span, d_output, d_input };
            step.push(take_columns::dispatch(params, bindings));
        }
    }
}
