//! Activations by name, as a person writes them.

use serde::{Deserialize, Serialize};

use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Seen, Step};
use crate::kernels::{
    self, Span, activate, gelu, gelu_gradient, silu, silu_gradient, take_columns,
};

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
    /// z, or 0.2 z where z is negative (Maas et al. 2013): Keras' slope by this name. The layer
    /// [`super::LeakyRelu`] has any slope.
    LeakyRelu,
    /// z / (1 + e^-z), also called swish (Elfwing et al. 2018).
    #[serde(alias = "swish")]
    Silu,
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
            Activation::LeakyRelu => Some(kernels::Activation::LeakyRelu(0.2)),
            Activation::Gelu | Activation::Silu | Activation::Softmax => None,
        }
    }

    /// Adds the operation that applies it to what a layer gives, where no kernel fuses it. (Softmax is the
    /// loss's, or the store's.)
    pub(super) fn lower(self, value: ValueId, to: &mut Lowering<'_>) -> ValueId {
        match self {
            Activation::Gelu => to.operation(Gelu, &[value], to.shape(value)),
            Activation::Silu => to.operation(Silu, &[value], to.shape(value)),
            _ => value,
        }
    }
}

/// y = z Phi(z). Its derivative is no function of y, so z is kept: the output of the layer before.
#[derive(Debug)]
struct Gelu;

impl Operation for Gelu {
    fn is_cheap(&self) -> bool {
        true
    }

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
        let Some(d_input) = d_inputs[0] else { return };
        let activation = at.inputs[0].activation.code();
        let params = gelu_gradient::Params { count: d_output.len as u32, activation };
        let bindings = gelu_gradient::Bindings { input: at.inputs[0].span, d_output, d_input };
        step.push(gelu_gradient::dispatch(params, bindings));
    }
}

/// y = z / (1 + e^-z). Its derivative is no function of y, so z is kept: the output of the layer before.
#[derive(Debug)]
struct Silu;

impl Operation for Silu {
    fn is_cheap(&self) -> bool {
        true
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let params = silu::Params { count: at.output.len as u32 };
        let bindings = silu::Bindings { input: at.inputs[0].span, output: at.output };
        step.push(silu::dispatch(params, bindings));
        kernels::Activation::Linear
    }

    fn backward(
        &self,
        at: &At<'_>,
        d_output: Span,
        d_inputs: &[Option<Span>],
        step: &mut Step<'_>,
    ) {
        let Some(d_input) = d_inputs[0] else { return };
        let activation = at.inputs[0].activation.code();
        let params = silu_gradient::Params { count: d_output.len as u32, activation };
        let bindings = silu_gradient::Bindings { input: at.inputs[0].span, d_output, d_input };
        step.push(silu_gradient::dispatch(params, bindings));
    }
}

/// An elementwise activation of its own: a layer of it, behind what fuses none.
#[derive(Debug)]
pub(crate) struct Apply(pub kernels::Activation);

impl Operation for Apply {
    fn is_cheap(&self) -> bool {
        true
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let activation = if at.gives_logits { kernels::Activation::Linear } else { self.0 };
        let params =
            activate::Params { count: at.output.len as u32, activation: activation.code() };
        let bindings = activate::Bindings { input: at.inputs[0].span, output: at.output };
        step.push(activate::dispatch(params, bindings));
        activation
    }

    fn backward(
        &self,
        at: &At<'_>,
        d_output: Span,
        d_inputs: &[Option<Span>],
        step: &mut Step<'_>,
    ) {
        // The gradient comes with respect to what is activated, which the input is.
        let Some(d_input) = d_inputs[0] else { return };
        pass_through(at.inputs[0], d_output, d_input, step);
    }
}

/// Records d_input = d_output times the derivative of the input's activation: the gradient of what is its input.
fn pass_through(input: Seen, d_output: Span, d_input: Span, step: &mut Step<'_>) {
    let (width, activation) = (input.shape.width() as u32, input.activation.code());
    let rows = step.rows as u32;
    let params = take_columns::Params { rows, width, stride: width, first: 0, activation };
    let bindings = take_columns::Bindings { input: input.span, d_output, d_input };
    step.push(take_columns::dispatch(params, bindings));
}
