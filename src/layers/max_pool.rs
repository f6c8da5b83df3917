//! `max_pool`: the largest number of each window of a picture `[height, width, channels]`, by channel, as Keras'
//! `MaxPooling2D`: `{ max_pool = { pool_size = 2 } }`, or `{ pool_size = [2, 3], strides = 1, padding = "same" }`. Of equal
//! numbers the first, row by row, has the gradient, as in Keras on JAX. Padding is never the largest.

use serde::{Deserialize, Serialize};

use super::plan::{Lowering, Operation, Purpose, ValueId};
use super::record::{At, Step};
use super::window::Windows;
use super::{Describe, Layer, Padding, Pair, Shape, values};
use crate::kernels::{self, Span, max_pool, max_pool_gradient};

/// The largest number of each window of a picture, by channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MaxPool {
    /// Height and width of the window.
    pub pool_size: Pair,
    /// Steps between two places of it; as large as the window if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strides: Option<Pair>,
    /// What it sees beyond the edges.
    pub padding: Padding,
}

impl Default for MaxPool {
    fn default() -> Self {
        MaxPool { pool_size: Pair::Both(2), strides: None, padding: Padding::Valid }
    }
}

impl MaxPool {
    /// The same with other steps between two places of the window.
    pub fn with_strides(self, strides: impl Into<Pair>) -> MaxPool {
        MaxPool { strides: Some(strides.into()), ..self }
    }

    /// The same with this padding.
    pub fn with_padding(self, padding: Padding) -> MaxPool {
        MaxPool { padding, ..self }
    }

    /// A window of this size, in steps as large, without padding.
    pub fn new(pool_size: impl Into<Pair>) -> MaxPool {
        MaxPool { pool_size: pool_size.into(), ..Self::default() }
    }

    fn windows(&self, shape: Shape) -> Result<Windows, String> {
        let strides = self.strides.unwrap_or(self.pool_size).get();
        Windows::over("pool_size", shape, self.pool_size.get(), strides, self.padding)
    }
}

impl Layer {
    /// The largest number of each window of a picture, by channel. Its steps are as large as the window, and there is no padding: see [`MaxPool`] for others.
    pub fn max_pool(pool_size: impl Into<Pair>) -> Layer {
        MaxPool::new(pool_size).into()
    }
}

impl Describe for MaxPool {
    fn kind(&self) -> &'static str {
        "max_pool"
    }

    fn title(&self) -> &'static str {
        "MaxPooling2D"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        Ok(self.windows(values(inputs[0])?)?.shape())
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        // The layers were checked.
        let Ok(windows) = self.windows(to.shape(inputs[0])) else { return inputs[0] };
        to.operation(Pool(windows), inputs, windows.shape())
    }
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
        let params = max_pool::Params {
            rows: step.rows as u32,
            height: w.input[0] as u32,
            width: w.input[1] as u32,
            channels: w.channels as u32,
            out_height: w.output[0] as u32,
            out_width: w.output[1] as u32,
            pool_height: w.size[0] as u32,
            pool_width: w.size[1] as u32,
            stride_height: w.strides[0] as u32,
            stride_width: w.strides[1] as u32,
            before_height: w.before[0] as u32,
            before_width: w.before[1] as u32,
            keeps: keeps as u32,
        };
        let places = if keeps { at.scratch } else { step.space.nothing };
        let bindings = max_pool::Bindings { input: input.span, output: at.output, places };
        step.push(max_pool::dispatch(params, bindings));
        // The largest are values of the same activation, and its gradient is that of what was activated.
        input.activation
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let (w, Some(d_input)) = (&self.0, d_inputs[0]) else { return };
        let params = max_pool_gradient::Params {
            rows: step.rows as u32,
            height: w.input[0] as u32,
            width: w.input[1] as u32,
            channels: w.channels as u32,
            out_height: w.output[0] as u32,
            out_width: w.output[1] as u32,
            pool_height: w.size[0] as u32,
            pool_width: w.size[1] as u32,
            stride_height: w.strides[0] as u32,
            stride_width: w.strides[1] as u32,
            before_height: w.before[0] as u32,
            before_width: w.before[1] as u32,
        };
        let bindings = max_pool_gradient::Bindings { places: at.scratch, d_output, d_input };
        step.push(max_pool_gradient::dispatch(params, bindings));
    }
}
