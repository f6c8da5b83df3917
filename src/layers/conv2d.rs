//! `conv2d`: a two-dimensional convolution of pictures `[height, width, channels]`, as Keras' `Conv2D`: `{ conv2d = { filters = 32,
//! kernel_size = 3, activation = "relu" } }`, with `strides`, `padding` ("valid" or "same"), `dilation_rate`, `groups` (as many as
//! channels: depthwise) and `use_bias`. The kernel is `[height, width, channels / groups, filters]`, a bias is behind it.
//!
//! Backward, with g the gradient by the sums: the kernel's is the product of the patches that the kernel saw and g, in
//! parts of a few pictures; the input's is a convolution of g with the kernel turned round, times the derivative of the
//! activation that the input went through (`kernels/conv.rs`).

use serde::{Deserialize, Serialize};

use super::reach::Reach;
use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Piece, Step};
use super::window::Windows;
use super::{
    Activation, BiasPlace, Describe, Group, Initializer, Layer, Layout, Padding, Pair,
    ParameterSpec, Shape, at_least_one, has_bias, is_true, values,
};
use crate::kernels::conv::{Conv, Ending};
use crate::kernels::{
    self, Span, conv_forward, conv_gradient_input, conv_gradient_weights, sum_parts,
};

/// A convolution of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Conv2d {
    /// Channels that it gives.
    pub filters: usize,
    /// Height and width of the kernel.
    pub kernel_size: Pair,
    /// Steps between two places of the kernel.
    #[serde(default = "one")]
    pub strides: Pair,
    /// What it sees beyond the edges.
    #[serde(default)]
    pub padding: Padding,
    /// Steps between two elements of the kernel; more than 1 only where the strides are 1.
    #[serde(default = "one")]
    pub dilation_rate: Pair,
    /// Groups of channels, each with filters of its own.
    #[serde(default = "one_group")]
    pub groups: usize,
    /// Applied to each output; linear unless given.
    #[serde(default)]
    pub activation: Activation,
    /// Whether each output has a bias; a normalisation behind the layer takes it away again.
    #[serde(default = "has_bias", skip_serializing_if = "is_true")]
    pub use_bias: bool,
}

/// A step of one.
pub(super) fn one() -> Pair {
    Pair::Both(1)
}

fn one_group() -> usize {
    1
}

impl Layer {
    /// A convolution of pictures with steps of 1 and without padding: see [`Conv2d`] for others.
    pub fn conv2d(filters: usize, kernel_size: impl Into<Pair>, activation: Activation) -> Layer {
        Conv2d::new(filters, kernel_size, activation).into()
    }
}

impl Conv2d {
    /// With steps of 1, without padding, in one group.
    pub fn new(filters: usize, kernel_size: impl Into<Pair>, activation: Activation) -> Conv2d {
        let kernel_size = kernel_size.into();
        let (strides, dilation_rate, padding) = (one(), one(), Padding::Valid);
        let (groups, use_bias) = (1, true);
        Conv2d { filters, kernel_size, strides, padding, dilation_rate, groups, activation, use_bias }
    }

    /// The same with other steps between two places of the kernel.
    pub fn with_strides(self, strides: impl Into<Pair>) -> Conv2d {
        Conv2d { strides: strides.into(), ..self }
    }

    /// The same with this padding.
    pub fn with_padding(self, padding: Padding) -> Conv2d {
        Conv2d { padding, ..self }
    }

    /// The same with other steps between two elements of the kernel.
    pub fn with_dilation(self, dilation_rate: impl Into<Pair>) -> Conv2d {
        Conv2d { dilation_rate: dilation_rate.into(), ..self }
    }

    /// The same without a bias.
    pub fn without_bias(self) -> Conv2d {
        Conv2d { use_bias: false, ..self }
    }

    /// The same in groups of channels.
    pub fn with_groups(self, groups: usize) -> Conv2d {
        Conv2d { groups, ..self }
    }

    /// The convolution of pictures of this shape, one of them.
    fn over(&self, shape: Shape) -> Result<Conv, String> {
        at_least_one("filters", self.filters)?;
        at_least_one("groups", self.groups)?;
        refuse_softmax(self.activation)?;
        let size = extent(self.kernel_size, self.strides, self.dilation_rate)?;
        let strides = self.strides.get();
        let windows = Windows::over("kernel_size", values(shape)?, size, strides, self.padding)?;
        let Windows { input, output, before, channels, .. } = windows;
        if !channels.is_multiple_of(self.groups) || !self.filters.is_multiple_of(self.groups) {
            return Err(format!(
                "groups is {}, which must divide both the {channels} channels that it reads and its {} filters",
                self.groups, self.filters
            ));
        }
        conv_of(
            ([input, output, before], [channels, self.filters]),
            (self.kernel_size, self.strides, self.dilation_rate, self.groups),
        )
    }

    fn kernel(&self, input: Shape) -> [usize; 4] {
        let [height, width] = self.kernel_size.get();
        [height, width, input.units() / self.groups.max(1), self.filters]
    }
}

/// Refuses softmax, which is over channels in Keras and over all outputs here.
pub(super) fn refuse_softmax(activation: Activation) -> Result<(), String> {
    match activation {
        Activation::Softmax => Err(
            "softmax is for dense layers; put flatten and a dense layer behind it, or take sigmoid".into(),
        ),
        _ => Ok(()),
    }
}

/// What a kernel covers of a picture.
pub(super) fn extent(kernel: Pair, strides: Pair, dilation: Pair) -> Result<[usize; 2], String> {
    let (kernel, strides, dilation) = (kernel.get(), strides.get(), dilation.get());
    if kernel.iter().chain(&dilation).any(|&n| n == 0 || n > 1 << 14) {
        return Err(format!(
            "kernel_size and dilation_rate are {kernel:?} and {dilation:?}, but must be from 1 to {}",
            1 << 14
        ));
    }
    if strides.iter().any(|&n| n > 1) && dilation.iter().any(|&n| n > 1) {
        return Err(format!(
            "strides are {strides:?} and dilation_rate is {dilation:?}, but one of them must be 1"
        ));
    }
    Ok([0, 1].map(|i| (kernel[i] - 1) * dilation[i] + 1))
}

/// Sizes as the kernels take them: of input, output and padding, of channels and filters.
pub(super) fn conv_of(
    ([input, output, before], [channels, filters]): ([[usize; 2]; 3], [usize; 2]),
    (kernel, strides, dilation, groups): (Pair, Pair, Pair, usize),
) -> Result<Conv, String> {
    /// Elements along an axis at most: what quotients are exact for.
    const MOST: usize = 1 << 15;
    /// Channels and terms of a sum at most.
    const MOST_TERMS: usize = 1 << 20;
    let largest = input.iter().chain(&output).copied().max().unwrap_or(0);
    if largest > MOST {
        return Err(format!("a picture is {largest} along an axis, but may be {MOST} at most"));
    }
    let [height, width] = kernel.get();
    let terms = channels.max(filters).saturating_mul(height).saturating_mul(width);
    if terms > MOST_TERMS {
        return Err(format!(
            "an output would sum {terms} terms, but may sum {MOST_TERMS} at most; take fewer channels or a smaller kernel"
        ));
    }
    let pair = |pair: [usize; 2]| pair.map(|n| n as u32);
    Ok(Conv {
        pictures: 1,
        input: pair(input),
        channels: channels as u32,
        output: pair(output),
        filters: filters as u32,
        kernel: pair(kernel.get()),
        strides: pair(strides.get()),
        dilation: pair(dilation.get()),
        before: pair(before),
        groups: groups as u32,
    })
}

/// A kernel `[height, width, a, b]` by Glorot's uniform, and a bias of zeros where there is one.
pub(super) fn kernel_and_bias(kernel: [usize; 4], bias: Option<usize>) -> Vec<ParameterSpec> {
    let [height, width, a, b] = kernel;
    let field = height.saturating_mul(width);
    let initializer = Initializer::glorot(field.saturating_mul(a), field.saturating_mul(b));
    let kernel = ParameterSpec { role: "kernel", shape: kernel.to_vec(), initializer };
    let of_bias = |bias| ParameterSpec {
        role: "bias",
        shape: vec![bias],
        initializer: Initializer::Zeros,
    };
    std::iter::once(kernel).chain(bias.map(of_bias)).collect()
}

impl Describe for Conv2d {
    fn kind(&self) -> &'static str {
        "conv2d"
    }

    fn title(&self) -> &'static str {
        "Conv2D"
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let conv = self.over(inputs[0])?;
        Ok(Shape::picture(conv.output[0] as usize, conv.output[1] as usize, self.filters))
    }

    fn parameters(&self, input: Shape) -> Vec<ParameterSpec> {
        kernel_and_bias(self.kernel(input), self.use_bias.then_some(self.filters))
    }

    fn layout(&self, input: Shape) -> Option<Layout> {
        let [height, width, channels, _] = self.kernel(input);
        let rows = height * width * channels;
        let whole = rows + self.use_bias as usize;
        Some(Layout {
            rows,
            units: self.filters,
            bias: if self.use_bias { BiasPlace::Behind } else { BiasPlace::None },
            group: Group::Kernel,
            most_rows: whole,
            together: whole,
        })
    }

    fn can_end(&self) -> bool {
        true
    }

    fn reach(&self) -> Reach {
        match extent(self.kernel_size, self.strides, self.dilation_rate) {
            Ok(extent) => {
                let strides = self.strides.get();
                let centred = strides == [1; 2] && self.padding == Padding::Same;
                Reach::Window { extent, strides, centred }
            }
            Err(_) => Reach::Whole,
        }
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        // The layers were checked.
        let Ok(conv) = self.over(to.shape(inputs[0])) else { return inputs[0] };
        let activation = self.activation.fused().unwrap_or_default();
        let shape =
            Shape::picture(conv.output[0] as usize, conv.output[1] as usize, self.filters);
        let sums = to.operation(Convolve { conv, activation }, inputs, shape);
        self.activation.lower(sums, to)
    }
}

/// A convolution, with an activation that the kernels fuse.
#[derive(Clone, Copy, Debug)]
struct Convolve {
    /// Of one picture.
    conv: Conv,
    activation: kernels::Activation,
}

/// The convolution of a batch.
pub(super) fn of_batch(conv: &Conv, rows: usize) -> Conv {
    Conv { pictures: rows as u32, ..*conv }
}

/// Records a convolution. `values` are those that a derivative is at.
pub(super) fn record_forward(
    conv: &Conv,
    ending: Ending,
    [source, weights, values, output]: [Span; 4],
    step: &mut Step<'_>,
) {
    for params in of_batch(conv, step.rows).forward(ending) {
        let bindings = conv_forward::Bindings { source, weights, values, output };
        step.push(conv_forward::dispatch(params, bindings));
    }
}

/// Records the gradient of a convolution's input, or what a transposed convolution gives.
pub(super) fn record_gradient_input(
    conv: &Conv,
    ending: Ending,
    [source, weights, values, output]: [Span; 4],
    step: &mut Step<'_>,
) {
    for params in of_batch(conv, step.rows).gradient_input(ending) {
        let bindings = conv_gradient_input::Bindings { source, weights, values, output };
        step.push(conv_gradient_input::dispatch(params, bindings));
    }
}

/// Records the gradient of a convolution's kernel into `gradient`, with that of the bias behind it or without.
pub(super) fn record_gradient_weights(
    conv: &Conv,
    bias: bool,
    [source, d_output, gradient]: [Span; 3],
    step: &mut Step<'_>,
) {
    let conv = of_batch(conv, step.rows);
    let (launches, parts) = conv.gradient_weights(bias);
    let len = conv.part_len(bias);
    let to = match parts {
        1 => gradient,
        parts => step.space.gradient_parts.part(0, parts as usize * len),
    };
    for params in launches {
        let bindings = conv_gradient_weights::Bindings { source, d_output, gradient: to };
        step.push(conv_gradient_weights::dispatch(params, bindings));
    }
    if parts > 1 {
        let params = sum_parts::Params { count: len as u32, parts };
        let bindings = sum_parts::Bindings { parts: to, sums: gradient };
        step.push(sum_parts::dispatch(params, bindings));
    }
}

impl Operation for Convolve {
    fn gradient_parts(&self, rows: usize, _: Shape, pieces: &[Piece]) -> usize {
        of_batch(&self.conv, rows).parts_len(pieces.iter().any(|piece| piece.bias))
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
        for piece in step.pieces(at.layer) {
            let spans = [at.inputs[0].span, step.weights(piece), step.space.nothing, at.output];
            let ending = Ending::Activate { activation: fused, bias: piece.bias };
            record_forward(&self.conv, ending, spans, step);
        }
        fused
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let input = at.inputs[0];
        for piece in step.pieces(at.layer) {
            // The gradient of the input first: it needs the weights before their update.
            if let Some(d_input) = d_inputs[0] {
                let spans = [d_output, step.weights(piece), input.span, d_input];
                record_gradient_input(&self.conv, Ending::Derivative(input.activation), spans, step);
            }
            if step.space.places.learns(at.layer) {
                let gradient = step.weight_gradient(piece);
                record_gradient_weights(&self.conv, piece.bias, [input.span, d_output, gradient], step);
                step.update_piece(piece);
            }
        }
    }
}
