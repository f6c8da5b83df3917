//! `conv2d_transpose`: a transposed convolution of pictures `[height, width, channels]`, as Keras' `Conv2DTranspose`:
//! `{ conv2d_transpose = { filters = 16, kernel_size = 3, strides = 2, padding = "same" } }`. It gives pictures of
//! stride times the length with padding "same", and of (length - 1) stride + max(kernel, stride) with "valid", which is
//! what a convolution with the same settings takes back to the length. The kernel is Keras'
//! `[height, width, filters, channels]`, that of the convolution back.
//!
//! So what it gives is the gradient of that convolution's input, the gradient of its own input is that convolution, and
//! its kernel's gradient is that convolution's (`kernels/conv.rs`).

use serde::{Deserialize, Serialize};

use super::conv2d::{
    conv_of, extent, kernel_and_bias, of_batch, one, record_forward, record_gradient_input,
    record_gradient_weights, refuse_softmax,
};
use super::reach::Reach;
use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Piece, Step};
use super::window::Windows;
use super::{
    Activation, BiasPlace, Describe, Group, Layer, Layout, Padding, Pair, ParameterSpec, Shape,
    at_least_one, has_bias, is_true, values,
};
use crate::kernels::conv::{Conv, Ending};
use crate::kernels::{self, Span, dense_gradient_weights, sum_parts};

/// A transposed convolution of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Conv2dTranspose {
    /// Channels that it gives.
    pub filters: usize,
    /// Height and width of the kernel.
    pub kernel_size: Pair,
    /// Steps in what it gives between two places of the kernel.
    #[serde(default = "one")]
    pub strides: Pair,
    /// What is cut off at the edges: nothing, or as much as makes stride times the length.
    #[serde(default)]
    pub padding: Padding,
    /// Steps between two elements of the kernel; more than 1 only where the strides are 1.
    #[serde(default = "one")]
    pub dilation_rate: Pair,
    /// Applied to each output; linear unless given.
    #[serde(default)]
    pub activation: Activation,
    /// Whether each output has a bias; a normalisation behind the layer takes it away again.
    #[serde(default = "has_bias", skip_serializing_if = "is_true")]
    pub use_bias: bool,
}

impl Layer {
    /// A transposed convolution of pictures with steps of 1 and padding "valid": see [`Conv2dTranspose`] for others.
    pub fn conv2d_transpose(
        filters: usize,
        kernel_size: impl Into<Pair>,
        activation: Activation,
    ) -> Layer {
        Conv2dTranspose::new(filters, kernel_size, activation).into()
    }
}

impl Conv2dTranspose {
    /// With steps of 1 and padding "valid".
    pub fn new(
        filters: usize,
        kernel_size: impl Into<Pair>,
        activation: Activation,
    ) -> Conv2dTranspose {
        let kernel_size = kernel_size.into();
        let (strides, dilation_rate, padding) = (one(), one(), Padding::Valid);
        let use_bias = true;
        Conv2dTranspose { filters, kernel_size, strides, padding, dilation_rate, activation, use_bias }
    }

    /// The same with other steps between two places of the kernel.
    pub fn with_strides(self, strides: impl Into<Pair>) -> Conv2dTranspose {
        Conv2dTranspose { strides: strides.into(), ..self }
    }

    /// The same with this padding.
    pub fn with_padding(self, padding: Padding) -> Conv2dTranspose {
        Conv2dTranspose { padding, ..self }
    }

    /// The same without a bias.
    pub fn without_bias(self) -> Conv2dTranspose {
        Conv2dTranspose { use_bias: false, ..self }
    }

    /// The same with other steps between two elements of the kernel.
    pub fn with_dilation(self, dilation_rate: impl Into<Pair>) -> Conv2dTranspose {
        Conv2dTranspose { dilation_rate: dilation_rate.into(), ..self }
    }

    /// The convolution back from what it gives for pictures of this shape, one of them: its input is this layer's output.
    fn back(&self, shape: Shape) -> Result<Conv, String> {
        at_least_one("filters", self.filters)?;
        refuse_softmax(self.activation)?;
        let size = extent(self.kernel_size, self.strides, self.dilation_rate)?;
        let strides = self.strides.get();
        // Refuses what are no pictures, and steps of nothing.
        let own = values(shape)?;
        let Windows { input, channels, .. } =
            Windows::over("kernel_size", own, [1, 1], strides, Padding::Same)?;
        let given = [0, 1].map(|i| match self.padding {
            Padding::Same => input[i] * strides[i],
            Padding::Valid => (input[i] - 1) * strides[i] + size[i].max(strides[i]),
        });
        let before = [0, 1].map(|i| match self.padding {
            Padding::Same => ((input[i] - 1) * strides[i] + size[i]).saturating_sub(given[i]) / 2,
            Padding::Valid => 0,
        });
        conv_of(
            ([given, input, before], [self.filters, channels]),
            (self.kernel_size, self.strides, self.dilation_rate, 1),
        )
    }

    fn kernel(&self, input: Shape) -> [usize; 4] {
        let [height, width] = self.kernel_size.get();
        [height, width, self.filters, input.units()]
    }
}

impl Describe for Conv2dTranspose {
    fn kind(&self) -> &'static str {
        "conv2d_transpose"
    }

    fn title(&self) -> &'static str {
        "Conv2DTranspose"
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [height, width] = self.back(inputs[0])?.input;
        Ok(Shape::picture(height as usize, width as usize, self.filters))
    }

    fn parameters(&self, input: Shape) -> Vec<ParameterSpec> {
        kernel_and_bias(self.kernel(input), self.use_bias.then_some(self.filters))
    }

    fn layout(&self, input: Shape) -> Option<Layout> {
        let [height, width, filters, channels] = self.kernel(input);
        let rows = height * width * filters;
        Some(Layout {
            rows,
            units: channels,
            bias: if self.use_bias { BiasPlace::ApartOf(filters) } else { BiasPlace::None },
            group: Group::Kernel,
            most_rows: rows,
            together: rows,
        })
    }

    fn can_end(&self) -> bool {
        true
    }

    fn reach(&self) -> Reach {
        match extent(self.kernel_size, self.strides, self.dilation_rate) {
            Ok(extent) => Reach::Spread { extent, strides: self.strides.get() },
            Err(_) => Reach::Whole,
        }
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        // The layers were checked.
        let Ok(back) = self.back(to.shape(inputs[0])) else { return inputs[0] };
        let activation = self.activation.fused().unwrap_or_default();
        let shape = Shape::picture(back.input[0] as usize, back.input[1] as usize, self.filters);
        let sums = to.operation(Transposed { back, activation }, inputs, shape);
        self.activation.lower(sums, to)
    }
}

/// A transposed convolution, with an activation that the kernels fuse.
#[derive(Clone, Copy, Debug)]
struct Transposed {
    /// The convolution from what it gives to what it reads, of one picture.
    back: Conv,
    activation: kernels::Activation,
}

impl Transposed {
    /// How the bias's gradient is computed: the sum of `d_output` over all pixels.
    fn bias_gradient(&self, rows: usize) -> dense_gradient_weights::Params {
        let pixels = rows as u32 * self.back.input[0] * self.back.input[1];
        dense_gradient_weights::Params {
            rows: pixels,
            inputs: 0,
            units: self.back.channels,
            stride: 0,
            first: 0,
            bias: 1,
            part_rows: pixels,
        }
        .in_parts()
    }
}

impl Operation for Transposed {
    fn gradient_parts(&self, rows: usize, _: Shape, pieces: &[Piece]) -> usize {
        let kernel = of_batch(&self.back, rows).parts_len(false);
        if !pieces.iter().any(|piece| piece.bias) {
            return kernel;
        }
        let bias = self.bias_gradient(rows);
        kernel.max(bias.most_parts() as usize * bias.part_len())
    }

    fn fuse(&mut self, activation: kernels::Activation) -> bool {
        let is_free = self.activation == kernels::Activation::Linear;
        if is_free {
            self.activation = activation;
        }
        is_free
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let linear = kernels::Activation::Linear;
        let fused = if at.gives_logits { linear } else { self.activation };
        let [kernel, bias @ ..] = step.pieces(at.layer) else { return fused };
        let ending = Ending::Activate { activation: fused, bias: !bias.is_empty() };
        let bias = bias.first().map_or(step.space.nothing, |bias| step.weights(bias));
        let spans = [at.inputs[0].span, step.weights(kernel), bias, at.output];
        record_gradient_input(&self.back, ending, spans, step);
        fused
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let (input, [kernel, bias @ ..]) = (at.inputs[0], step.pieces(at.layer)) else { return };
        // The gradient of the input first: it needs the weights before their update.
        if let Some(d_input) = d_inputs[0] {
            let spans = [d_output, step.weights(kernel), input.span, d_input];
            record_forward(&self.back, Ending::Derivative(input.activation), spans, step);
        }
        if !step.space.places.learns(at.layer) {
            return;
        }
        let gradient = step.weight_gradient(kernel);
        record_gradient_weights(&self.back, false, [d_output, input.span, gradient], step);
        step.update_piece(kernel);
        let Some(bias) = bias.first() else { return };
        let params = self.bias_gradient(step.rows);
        let gradient = step.weight_gradient(bias);
        let to = match params.parts() {
            1 => gradient,
            parts => step.space.gradient_parts.part(0, parts as usize * params.part_len()),
        };
        let input = step.space.nothing;
        let bindings = dense_gradient_weights::Bindings { input, d_output, gradient: to };
        step.push(dense_gradient_weights::dispatch(params, bindings));
        if params.parts() > 1 {
            let sums = sum_parts::Params { count: params.part_len() as u32, parts: params.parts() };
            let bindings = sum_parts::Bindings { parts: to, sums: gradient };
            step.push(sum_parts::dispatch(sums, bindings));
        }
        step.update_piece(bias);
    }
}
