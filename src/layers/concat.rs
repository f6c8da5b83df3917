//! `concat`: what the layer before gives, and behind it along the last axis what an earlier one gave: a skip
//! connection (Ronneberger et al. 2015). In TOML: `{ concat = { from = "dense" } }`.

use serde::{Deserialize, Serialize};

use super::reach::Reach;
use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Step};
use super::{Describe, Layer, Shape, values};
use crate::kernels::{self, Span, place_columns, take_columns};

/// What the layer before gives, and behind it along the last axis what an earlier one gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Concat {
    /// Name of the earlier layer, as `Model::layer_names` has it.
    pub from: String,
}

impl Layer {
    /// What the layer before gives, and behind it along the last axis what the earlier layer `from` gave.
    pub fn concat(from: impl Into<String>) -> Layer {
        Concat { from: from.into() }.into()
    }
}

impl Describe for Concat {
    fn kind(&self) -> &'static str {
        "concat"
    }

    fn title(&self) -> &'static str {
        "Concat"
    }

    fn from(&self) -> Option<&str> {
        Some(&self.from)
    }

    fn renamed(&self, from: String) -> Option<Layer> {
        Some(Layer::concat(from))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (before, from) = (values(inputs[0])?, values(inputs[1])?);
        match before.with_units(from.units()) == from {
            true => Ok(before.with_units(before.units() + from.units())),
            false => Err(format!(
                "the layer before gives {before} and {} gives {from}, which differ in more than the last axis",
                self.from
            )),
        }
    }

    fn reach(&self) -> Reach {
        Reach::Pixel
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        let units = inputs.iter().map(|&input| to.shape(input).units()).sum();
        to.operation(Columns, inputs, to.shape(inputs[0]).with_units(units))
    }
}

/// Its inputs behind one another along the last axis.
#[derive(Debug)]
struct Columns;

impl Operation for Columns {
    fn is_cheap(&self) -> bool {
        true
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let (rows, stride) = ((step.rows * at.shape.vectors()) as u32, at.shape.units() as u32);
        let mut first = 0;
        for input in at.inputs {
            let width = input.shape.units() as u32;
            let params = place_columns::Params { rows, width, stride, first, adds: 0 };
            let bindings = place_columns::Bindings { input: input.span, output: at.output };
            step.push(place_columns::dispatch(params, bindings));
            first += width;
        }
        kernels::Activation::Linear
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let (rows, stride) = ((step.rows * at.shape.vectors()) as u32, at.shape.units() as u32);
        let mut first = 0;
        for (input, d_input) in at.inputs.iter().zip(d_inputs) {
            let width = input.shape.units() as u32;
            if let Some(d_input) = *d_input {
                let activation = input.activation.code();
                let params = take_columns::Params { rows, width, stride, first, activation };
                let bindings = take_columns::Bindings { input: input.span, d_output, d_input };
                step.push(take_columns::dispatch(params, bindings));
            }
            first += width;
        }
    }
}
