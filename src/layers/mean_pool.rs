//! `mean_pool`: `[length, units]` to `[units]`, the mean over positions whose id is not 0 (padding). Right
//! behind an embedding, both are one embedding bag (`train/fuse.rs`).

use serde::{Deserialize, Serialize};

use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Step};
use super::{Describe, Layer, Shape, values};
use crate::kernels::{self, Span, mean_pool, mean_pool_gradient};

/// `[length, units]` to `[units]`: the mean over positions whose id is not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MeanPool {}

impl Layer {
    /// `[length, units]` to `[units]`: the mean over positions whose id is not 0.
    pub fn mean_pool() -> Layer {
        MeanPool {}.into()
    }
}

impl Describe for MeanPool {
    fn kind(&self) -> &'static str {
        "mean_pool"
    }

    fn title(&self) -> &'static str {
        "MeanPool"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match values(inputs[0])?.axes() {
            [_, units] => Ok(Shape::vector(*units)),
            _ => Err("mean_pool reads the vectors of an embedding".into()),
        }
    }

    fn can_end(&self) -> bool {
        // Word vectors, and codes of texts.
        true
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        let shape = Shape::vector(to.shape(inputs[0]).units());
        to.operation(MeanOverIds, inputs, shape)
    }
}

/// The mean over positions whose id is not 0.
#[derive(Debug)]
pub(crate) struct MeanOverIds;

impl Operation for MeanOverIds {
    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let [input] = at.inputs else { return kernels::Activation::Linear };
        let params = mean_pool::Params {
            rows: step.rows as u32,
            length: input.shape.vectors() as u32,
            units: at.shape.width() as u32,
        };
        let ids = step.space.batch_inputs;
        let bindings = mean_pool::Bindings { ids, input: input.span, output: at.output };
        step.push(mean_pool::dispatch(params, bindings));
        kernels::Activation::Linear
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let Some(d_input) = d_inputs[0] else { return };
        let params = mean_pool_gradient::Params {
            rows: step.rows as u32,
            length: at.inputs[0].shape.vectors() as u32,
            units: at.shape.width() as u32,
        };
        let ids = step.space.batch_inputs;
        let bindings = mean_pool_gradient::Bindings { ids, d_output, d_input };
        step.push(mean_pool_gradient::dispatch(params, bindings));
    }
}
