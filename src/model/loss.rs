//! Losses by name, and which output goes with which.

use serde::{Deserialize, Serialize};

use super::Activation;
use crate::error::{Error, Result};

/// What training makes small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Binary cross-entropy; the output is a sigmoid.
    BinaryCrossentropy,
    /// Softmax cross-entropy; the output is a softmax. Targets are class numbers or distributions.
    CategoricalCrossentropy,
    /// Mean squared error; the output is linear, relu, tanh or sigmoid.
    Mse,
    /// Negative sampling, of word vectors alone: a model that ends in their mean.
    NegativeSampling,
}

impl Loss {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Loss::BinaryCrossentropy => "binary_crossentropy",
            Loss::CategoricalCrossentropy => "categorical_crossentropy",
            Loss::Mse => "mse",
            Loss::NegativeSampling => "negative_sampling",
        }
    }

    /// The loss that goes with an output when none is named.
    pub fn for_activation(activation: Activation) -> Loss {
        match activation {
            Activation::Sigmoid => Loss::BinaryCrossentropy,
            Activation::Softmax => Loss::CategoricalCrossentropy,
            _ => Loss::Mse,
        }
    }

    /// Whether an accuracy goes with it.
    pub fn has_accuracy(self) -> bool {
        !matches!(self, Loss::Mse | Loss::NegativeSampling)
    }

    /// Checks that the loss goes with the output's activation.
    pub(super) fn check(self, activation: Activation) -> Result<()> {
        let fits = match self {
            Loss::BinaryCrossentropy => activation == Activation::Sigmoid,
            Loss::CategoricalCrossentropy => activation == Activation::Softmax,
            Loss::Mse => activation != Activation::Softmax,
            Loss::NegativeSampling => activation == Activation::Linear,
        };
        if fits {
            return Ok(());
        }
        Err(Error::Model(format!(
            "the loss {} does not go with an output of {activation:?}: binary_crossentropy takes sigmoid, categorical_crossentropy takes softmax, mse takes any other",
            self.name()
        )))
    }
}
