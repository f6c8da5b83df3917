//! `global_average_pool`: the mean over all places, by channel: a picture `[height, width, channels]` or a sequence
//! `[length, units]` to one vector, as Keras' `GlobalAveragePooling2D`. (`mean_pool` leaves padding out, and is for ids.)

use serde::{Deserialize, Serialize};

use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Step};
use super::{Describe, Layer, Shape, values};
use crate::kernels::{self, Span, global_average_pool, global_average_pool_gradient};

/// The mean over all places, by channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GlobalAveragePool {}

impl Layer {
    /// The mean over all places, by channel: `[height, width, channels]` to `[channels]`.
    pub fn global_average_pool() -> Layer {
        GlobalAveragePool {}.into()
    }
}

impl Describe for GlobalAveragePool {
    fn kind(&self) -> &'static str {
        "global_average_pool"
    }

    fn title(&self) -> &'static str {
        "GlobalAveragePooling2D"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = values(inputs[0])?;
        match shape.axes().len() {
            1 => Err(format!(
                "it reads pictures (None, height, width, channels) or sequences (None, length, units), but the data are {shape}"
            )),
            _ => Ok(Shape::vector(shape.units())),
        }
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        to.operation(MeanOverPlaces, inputs, Shape::vector(to.shape(inputs[0]).units()))
    }
}

/// The mean over all places.
#[derive(Debug)]
struct MeanOverPlaces;

impl Operation for MeanOverPlaces {
    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let input = at.inputs[0];
        let params = global_average_pool::Params {
            rows: step.rows as u32,
            places: input.shape.vectors() as u32,
            channels: input.shape.units() as u32,
        };
        let bindings = global_average_pool::Bindings { input: input.span, output: at.output };
        step.push(global_average_pool::dispatch(params, bindings));
        kernels::Activation::Linear
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let (input, Some(d_input)) = (at.inputs[0], d_inputs[0]) else { return };
        let params = global_average_pool_gradient::Params {
            rows: step.rows as u32,
            places: input.shape.vectors() as u32,
            channels: input.shape.units() as u32,
            activation: input.activation.code(),
        };
        let input = input.span;
        let bindings = global_average_pool_gradient::Bindings { input, d_output, d_input };
        step.push(global_average_pool_gradient::dispatch(params, bindings));
    }
}
