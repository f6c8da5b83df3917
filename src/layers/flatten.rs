//! `flatten`: `[length, units]` to `[length * units]`, the same elements.

use serde::{Deserialize, Serialize};

use super::plan::{Lowering, ValueId};
use super::{Describe, Layer, Shape, values};

/// `[length, units]` to `[length * units]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Flatten {}

impl Layer {
    /// `[length, units]` to `[length * units]`.
    pub fn flatten() -> Layer {
        Flatten {}.into()
    }
}

impl Describe for Flatten {
    fn kind(&self) -> &'static str {
        "flatten"
    }

    fn title(&self) -> &'static str {
        "Flatten"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        Ok(Shape::vector(values(inputs[0])?.width()))
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        let shape = Shape::vector(to.shape(inputs[0]).width());
        to.view(inputs[0], shape)
    }
}
