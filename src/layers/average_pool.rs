//! `average_pool`: the mean of each window of a picture `[height, width, channels]`, by channel, as Keras'
//! `AveragePooling2D`: `{ average_pool = { pool_size = 2 } }`, or with `strides` and `padding`. Padding is not counted.

use serde::{Deserialize, Serialize};

use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Step};
use super::window::Windows;
use super::{Describe, Layer, Padding, Pair, Shape, values};
use crate::kernels::{self, Span, average_pool, average_pool_gradient};

/// The mean of each window of a picture, by channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AveragePool {
    /// Height and width of the window.
    pub pool_size: Pair,
    /// Steps between two places of it; as large as the window if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strides: Option<Pair>,
    /// What it sees beyond the edges.
    pub padding: Padding,
}

impl Default for AveragePool {
    fn default() -> Self {
        AveragePool { pool_size: Pair::Both(2), strides: None, padding: Padding::Valid }
    }
}

impl AveragePool {
    /// The same with other steps between two places of the window.
    pub fn with_strides(self, strides: impl Into<Pair>) -> AveragePool {
        AveragePool { strides: Some(strides.into()), ..self }
    }

    /// The same with this padding.
    pub fn with_padding(self, padding: Padding) -> AveragePool {
        AveragePool { padding, ..self }
    }

    /// A window of this size, in steps as large, without padding.
    pub fn new(pool_size: impl Into<Pair>) -> AveragePool {
        AveragePool { pool_size: pool_size.into(), ..Self::default() }
    }

    fn windows(&self, shape: Shape) -> Result<Windows, String> {
        let strides = self.strides.unwrap_or(self.pool_size).get();
        Windows::over("pool_size", shape, self.pool_size.get(), strides, self.padding)
    }
}

impl Layer {
    /// The mean of each window of a picture, by channel. Its steps are as large as the window, and there is no padding: see [`AveragePool`] for others.
    pub fn average_pool(pool_size: impl Into<Pair>) -> Layer {
        AveragePool::new(pool_size).into()
    }
}

impl Describe for AveragePool {
    fn kind(&self) -> &'static str {
        "average_pool"
    }

    fn title(&self) -> &'static str {
        "AveragePooling2D"
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

/// The mean of each window, of the pixels that lie in the picture.
#[derive(Debug)]
struct Pool(Windows);

impl Operation for Pool {
    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let w = &self.0;
        let params = average_pool::Params {
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
        let bindings = average_pool::Bindings { input: at.inputs[0].span, output: at.output };
        step.push(average_pool::dispatch(params, bindings));
        kernels::Activation::Linear
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let (w, input, Some(d_input)) = (&self.0, at.inputs[0], d_inputs[0]) else { return };
        let params = average_pool_gradient::Params {
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
            activation: input.activation.code(),
        };
        let bindings = average_pool_gradient::Bindings { input: input.span, d_output, d_input };
        step.push(average_pool_gradient::dispatch(params, bindings));
    }
}
