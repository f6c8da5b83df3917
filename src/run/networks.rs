//! The networks of pictures where no layers are given, by their size.

use serde::{Deserialize, Serialize};

use crate::data::ImageShape;
use crate::model::{Activation, Layer};

/// A network of a classifier of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Network {
    /// Dense layers alone.
    Mlp,
}

/// Units of the dense layers of `mlp`.
const MLP_HIDDEN: [usize; 2] = [256, 128];

impl Network {
    /// What is taken for pictures of this size.
    pub fn of(_shape: ImageShape) -> Network {
        Network::Mlp
    }

    /// The layers before the output, which is the caller's. `hidden` are the units of dense layers, `dropout` the rate
    /// before each of them and before the output.
    pub(super) fn layers(
        self,
        _shape: ImageShape,
        hidden: Option<&[usize]>,
        dropout: f64,
    ) -> Vec<Layer> {
        let mut layers = Vec::new();
        let drop = (dropout > 0.0).then(|| Layer::dropout(dropout));
        for &units in hidden.unwrap_or(&MLP_HIDDEN) {
            layers.extend(drop.clone().filter(|_| !layers.is_empty()));
            layers.push(Layer::dense(units, Activation::Relu));
        }
        layers.extend(drop.filter(|_| !layers.is_empty()));
        layers
    }
}
