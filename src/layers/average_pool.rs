//! `average_pool`: the mean of each window of a picture `[height, width, channels]`, by channel, as Keras'
//! `AveragePooling2D`: `{ average_pool = { pool_size = 2 } }`, or with `strides` and `padding`. Padding is not counted.

use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Step};
use super::window::{Windows, pool_layer};
use super::{Describe, Layer, Padding, Pair, Shape, values};
use crate::kernels::{self, Span, average_pool, average_pool_gradient};

pool_layer! {
    /// The mean of each window of a picture, by channel.
    AveragePool, average_pool: "AveragePooling2D"
}

/// The mean of each window, of the pixels that lie in the picture.
#[derive(Debug)]
struct Pool(Windows);

impl Operation for Pool {
    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let w = &self.0;
        let params = average_pool::Params::new(step.rows, w.axes(), w.channels);
        let bindings = average_pool::Bindings { input: at.inputs[0].span, output: at.output };
        step.push(average_pool::dispatch(params, bindings));
        kernels::Activation::Linear
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let (w, input, Some(d_input)) = (&self.0, at.inputs[0], d_inputs[0]) else { return };
        let params = average_pool_gradient::Params::new(step.rows, w.axes(), w.channels, input.activation.code());
        let bindings = average_pool_gradient::Bindings { input: input.span, d_output, d_input };
        step.push(average_pool_gradient::dispatch(params, bindings));
    }
}
