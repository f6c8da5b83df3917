//! Activations by name, as a person writes them.

use serde::{Deserialize, Serialize};

use crate::kernels;

/// A layer's activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// z
    #[default]
    Linear,
    /// max(z, 0)
    Relu,
    /// tanh z
    Tanh,
    /// 1 / (1 + e^-z)
    Sigmoid,
    /// e^z_j / sum_i e^z_i over a row; in the last layer only.
    Softmax,
}

impl Activation {
    /// The function that kernels fuse behind their sums; none for those with kernels of their own.
    pub(crate) fn fused(self) -> Option<kernels::Activation> {
        match self {
            Activation::Linear => Some(kernels::Activation::Linear),
            Activation::Relu => Some(kernels::Activation::Relu),
            Activation::Tanh => Some(kernels::Activation::Tanh),
            Activation::Sigmoid => Some(kernels::Activation::Sigmoid),
            Activation::Softmax => None,
        }
    }
}
