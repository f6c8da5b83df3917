//! `leaky_relu` (Maas et al. 2013): z, or `negative_slope` z where z is negative, as Keras' `LeakyReLU`:
//! `{ leaky_relu = { negative_slope = 0.2 } }`, 0.3 if not given. (As the activation of another layer, `"leaky_relu"`
//! has Keras' slope by that name, 0.2.)

use serde::{Deserialize, Serialize};

use super::activation::Apply;
use super::reach::Reach;
use super::plan::{Lowering, ValueId};
use super::{Describe, Layer, Shape, values};
use crate::kernels::Activation;

/// z, or `negative_slope` z where z is negative.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LeakyRelu {
    /// From 0 to 1.
    pub negative_slope: f64,
}

impl Default for LeakyRelu {
    fn default() -> Self {
        LeakyRelu { negative_slope: 0.3 }
    }
}

impl Layer {
    /// z, or `negative_slope` z where z is negative; from 0 to 1, Keras' default is 0.3.
    pub fn leaky_relu(negative_slope: f64) -> Layer {
        LeakyRelu { negative_slope }.into()
    }
}

impl Describe for LeakyRelu {
    fn kind(&self) -> &'static str {
        "leaky_relu"
    }

    fn title(&self) -> &'static str {
        "LeakyReLU"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        if !(0.0..=1.0).contains(&self.negative_slope) {
            return Err(format!(
                "negative_slope is {}, but must be from 0 to 1",
                self.negative_slope
            ));
        }
        values(inputs[0])
    }

    fn reach(&self) -> Reach {
        Reach::Pixel
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        // A slope of none is the rectifier, whose derivative at 0 is 0.
        let activation = match self.negative_slope as f32 {
            0.0 => Activation::Relu,
            slope => Activation::LeakyRelu(slope),
        };
        to.operation(Apply(activation), inputs, to.shape(inputs[0]))
    }
}
