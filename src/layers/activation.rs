//! Activations by name, as a person writes them.

use serde::{Deserialize, Serialize};

use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Step};
use crate::kernels::{self, Span, gelu, gelu_gradient};

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
    /// z Phi(z), Phi the distribution function of the normal distribution (Hendrycks and Gimpel 2016).
    Gelu,
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
            Activation::Gelu | Activation::Softmax => None,
        }
    }

    /// Adds the operation that applies it to what a layer gives, where no kernel fuses it. (Softmax is the
    /// loss's, or the store's.)
    pub(super) fn lower(self, value: ValueId, to: &mut Lowering<'_>) -> ValueId {
        match self {
            Activation::Gelu => to.operation(Gelu, &[value], to.shape(value)),
            _ => value,
        }
    }
}

/// y = z Phi(z). Its derivative is no function of y, so z is kept: the output of the layer before.
#[derive(Debug)]
struct Gelu;

impl Operation for Gelu {
    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let params = gelu::Params { count: at.output.len as u32 };
        let bindings = gelu::Bindings { input: at.inputs[0].span, output: at.output };
        step.push(gelu::dispatch(params, bindings));
        kernels::Activation::Linear
    }

    fn backward(
        &self,
        at: &At<'_>,
        d_output: Span,
        d_inputs: &[Option<Span>],
        step: &mut Step<'_>,
    ) {
        // It stands behind a sum that nothing activates: no other derivative comes in.
        let Some(d_input) = d_inputs[0] else { return };
        let params = gelu_gradient::Params { count: d_output.len as u32 };
        let bindings = gelu_gradient::Bindings { input: at.inputs[0].span, d_output, d_input };
        step.push(gelu_gradient::dispatch(params, bindings));
    }
}
