//! `activation`: an activation by itself, as Keras' `Activation`: `{ activation = { activation = "relu" } }`. Behind a
//! layer that has none of its own, such as a normalisation.

use serde::{Deserialize, Serialize};

use super::activation::Apply;
use super::reach::Reach;
use super::plan::{Lowering, ValueId};
use super::{Activation, Describe, Layer, Shape, values};
use crate::kernels;

/// An activation by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Activate {
    /// Which.
    pub activation: Activation,
}

impl Layer {
    /// An activation by itself, behind a layer that has none of its own.
    pub fn activation_of(activation: Activation) -> Layer {
        Activate { activation }.into()
    }
}

impl Describe for Activate {
    fn kind(&self) -> &'static str {
        "activation"
    }

    fn title(&self) -> &'static str {
        "Activation"
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        values(inputs[0])
    }

    fn can_end(&self) -> bool {
        true
    }

    fn reach(&self) -> Reach {
        Reach::Pixel
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        match self.activation.fused() {
            Some(activation) => to.operation(Apply(activation), inputs, to.shape(inputs[0])),
            // Of a softmax the loss or the store reads the logits, in a value that nothing has activated.
            None if self.activation == Activation::Softmax => {
                to.operation(Apply(kernels::Activation::Linear), inputs, to.shape(inputs[0]))
            }
            None => self.activation.lower(inputs[0], to),
        }
    }
}
