//! `max_pool`: the largest number of each window of a picture `[height, width, channels]`, by channel, as Keras'
//! `MaxPooling2D`: `{ max_pool = { pool_size = 2 } }`, or `{ pool_size = [2, 3], strides = 1, padding = "same" }`. Of equal
//! numbers the first, row by row, has the gradient, as in Keras on JAX. Padding is never the largest.

use super::plan::{Lowering, Operation, Purpose, ValueId};
use super::record::{At, Step};
use super::window::{Windows, pool_layer};
use super::{Describe, Layer, Padding, Pair, Shape, values};
use crate::kernels::{self, Span, max_pool, max_pool_gradient};

pool_layer! {
    /// The largest number of each window of a picture, by channel.
    MaxPool, max_pool: "MaxPooling2D"
}

/// The largest number of each window. Which it was is kept, so that backward does not read them again.
#[derive(Debug)]
struct Pool(Windows);

impl Operation for Pool {
    fn reads_inputs_backward(&self) -> bool {
        false
    }

    fn training_scratch(&self, rows: usize, _: &[Shape]) -> usize {
        rows * self.0.shape().width()
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let (w, input) = (&self.0, at.inputs[0]);
        let keeps = step.purpose == Purpose::Training;
        let params = max_pool::Params::new(step.rows, w.axes(), w.channels, keeps as u32);
        let places = if keeps { at.scratch } else { step.space.nothing };
        let bindings = max_pool::Bindings { input: input.span, output: at.output, places };
        step.push(max_pool::dispatch(params, bindings));
        // The largest are values of the same activation, and its gradient is that of what was activated.
        input.activation
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let (w, Some(d_input)) = (&self.0, d_inputs[0]) else { return };
        let params = max_pool_gradient::Params::new(step.rows, w.axes(), w.channels);
        let bindings = max_pool_gradient::Bindings { places: at.scratch, d_output, d_input };
        step.push(max_pool_gradient::dispatch(params, bindings));
    }
}
