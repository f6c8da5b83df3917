//! `dense`: y = activation(x W + b), `[inputs]` to `[units]`; without b where `use_bias` is false.
//!
//! Backward, with g the gradient by x W + b: dW = x^T g, db = the sum of g over the batch's rows, and
//! dx = g W^T, times the derivative of the activation that x went through. A kernel that exceeds a binding,
//! or whose rows are more than one dispatch may sum, lies in pieces: each adds its part of x W.

use serde::{Deserialize, Serialize};

use super::plan::{Lowering, Operation, Small, ValueId};
use super::record::{At, Piece, Seen, Step};
use super::{
    Activation, BiasPlace, Describe, Group, Layer, Layout, ParameterSpec, Shape, at_least_one,
    has_bias, is_true, values,
};
use crate::kernels::{
    self, Span, dense_forward, dense_gradient_input, dense_gradient_weights, product, sum_parts,
};

/// activation(x W + b).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Dense {
    /// Outputs.
    pub units: usize,
    /// Applied to each output; linear unless given.
    #[serde(default)]
    pub activation: Activation,
    /// Whether each output has a bias; a normalisation behind the layer takes it away again.
    #[serde(default = "has_bias", skip_serializing_if = "is_true")]
    pub use_bias: bool,
}

impl Layer {
    /// activation(x W + b), with `units` outputs.
    pub fn dense(units: usize, activation: Activation) -> Layer {
        Dense::new(units, activation).into()
    }
}

impl Dense {
    /// activation(x W + b), with `units` outputs.
    pub fn new(units: usize, activation: Activation) -> Dense {
        Dense { units, activation, use_bias: true }
    }

    /// The same without a bias.
    pub fn without_bias(self) -> Dense {
        Dense { use_bias: false, ..self }
    }
}

impl Describe for Dense {
    fn kind(&self) -> &'static str {
        "dense"
    }

    fn title(&self) -> &'static str {
        "Dense"
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        at_least_one("units", self.units)?;
        match values(inputs[0])?.axes() {
            [_] => Ok(Shape::vector(self.units)),
            _ => Err("a dense layer reads one vector; put flatten or mean_pool before it".into()),
        }
    }

    fn parameters(&self, input: Shape) -> Vec<ParameterSpec> {
        let mut parameters = ParameterSpec::kernel_and_bias(input.width(), self.units);
        parameters.truncate(1 + self.use_bias as usize);
        parameters
    }

    fn layout(&self, input: Shape) -> Option<Layout> {
        Some(Layout {
            rows: input.width(),
            units: self.units,
            bias: if self.use_bias { BiasPlace::Behind } else { BiasPlace::None },
            group: Group::Kernel,
            most_rows: product::MOST_TERMS as usize,
            together: 1,
        })
    }

    fn can_end(&self) -> bool {
        true
    }

    fn units(&self) -> Option<usize> {
        Some(self.units)
    }

    fn with_activation(&self, activation: Activation) -> Option<Layer> {
        Some(Dense { activation, ..*self }.into())
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        let operation = Affine {
            units: self.units,
            activation: self.activation.fused().unwrap_or_default(),
            use_bias: self.use_bias,
        };
        let sums = to.operation(operation, inputs, Shape::vector(self.units));
        self.activation.lower(sums, to)
    }
}

/// activation(x W + b), with an activation that the kernels fuse.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    pub units: usize,
    pub activation: kernels::Activation,
    pub use_bias: bool,
}

impl Operation for Affine {
    fn gradient_parts(&self, rows: usize, input: Shape, pieces: &[Piece]) -> usize {
        pieces.iter().map(|piece| parts_len(rows, input.width(), self.units, piece)).max().unwrap_or(0)
    }

    fn fuse(&mut self, activation: kernels::Activation) -> bool {
        let is_free = self.activation == kernels::Activation::Linear;
        if is_free {
            self.activation = activation;
        }
        is_free
    }

    fn as_small(&self) -> Option<Small> {
        let Affine { units, activation, use_bias } = *self;
        // The kernel of whole small models knows layers with a bias.
        use_bias.then_some(Small { embeds: false, units, activation })
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        self.affine(at.layer, at.inputs[0], at.output, at.gives_logits, step)
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        // The gradient of the input first: it needs the weights before their update.
        if let Some(d_input) = d_inputs[0] {
            self.gradient_of_input(at.layer, at.inputs[0], d_output, d_input, step);
        }
        self.gradient_of_weights(at.layer, at.inputs[0], d_output, step);
    }
}

impl Affine {
    pub fn affine(
        &self,
        layer: usize,
        input: Seen,
        output: Span,
        gives_logits: bool,
        step: &mut Step<'_>,
    ) -> kernels::Activation {
        let linear = kernels::Activation::Linear;
        let fused = if gives_logits { linear } else { self.activation };
        let pieces = step.pieces(layer);
        for (n, piece) in pieces.iter().enumerate() {
            let ends = n + 1 == pieces.len();
            let params = dense_forward::Params {
                rows: step.rows as u32,
                inputs: piece.rows as u32,
                units: self.units as u32,
                activation: if ends { fused.code() } else { linear.code() },
                stride: input.shape.width() as u32,
                first: piece.first as u32,
                adds: (n > 0) as u32,
                bias: piece.bias as u32,
            };
            let (input, weights) = (input.span, step.weights(piece));
            let bindings = dense_forward::Bindings { input, weights, output };
            step.push(dense_forward::dispatch(params, bindings));
        }
        fused
    }

    fn gradient_of_input(
        &self,
        layer: usize,
        input: Seen,
        d_output: Span,
        d_input: Span,
        step: &mut Step<'_>,
    ) {
        for piece in step.pieces(layer).iter().filter(|piece| piece.rows > 0) {
            let spans = [step.weights(piece), d_output, d_input];
            gradient_of_columns(piece, self.units, input, spans, step);
        }
    }

    pub fn gradient_of_weights(
        &self,
        layer: usize,
        input: Seen,
        d_output: Span,
        step: &mut Step<'_>,
    ) {
        if !step.space.places.learns(layer) {
            return;
        }
        let stride = input.shape.width();
        for piece in step.pieces(layer) {
            gradient_of_piece(piece, self.units, stride, input.span, d_output, step);
        }
    }
}

/// Records the gradient of those columns of the input that a piece of the weights reads, from `[weights, d_output, d_input]`.
pub(super) fn gradient_of_columns(
    piece: &Piece,
    units: usize,
    input: Seen,
    [weights, d_output, d_input]: [Span; 3],
    step: &mut Step<'_>,
) {
    let units = units as u32;
    for first_unit in (0..units).step_by(product::MOST_TERMS as usize) {
        let params = dense_gradient_input::Params {
            rows: step.rows as u32,
            inputs: piece.rows as u32,
            units,
            activation: input.activation.code(),
            stride: input.shape.width() as u32,
            first: piece.first as u32,
            first_unit,
            terms: product::MOST_TERMS.min(units - first_unit),
        };
        let bindings =
            dense_gradient_input::Bindings { input: input.span, weights, d_output, d_input };
        step.push(dense_gradient_input::dispatch(params, bindings));
    }
}

/// Records the gradient of some rows of a kernel and of the bias behind them, and where a piece is updated at once, its
/// update; `stride` elements are a row of `input`. Where a bag's bias is alone, `input` is not read.
pub(super) fn gradient_of_piece(
    piece: &Piece,
    units: usize,
    stride: usize,
    input: Span,
    d_output: Span,
    step: &mut Step<'_>,
) {
    let gradient = step.weight_gradient(piece);
    let input = if piece.rows > 0 { input } else { step.space.nothing };
    gradient_to(piece, units, stride, [input, d_output, gradient], step);
    step.update_piece(piece);
}

/// As [`gradient_of_piece`], from and to `[input, d_output, gradient]`, without an update.
pub(super) fn gradient_to(
    piece: &Piece,
    units: usize,
    stride: usize,
    [input, d_output, gradient]: [Span; 3],
    step: &mut Step<'_>,
) {
    let params = gradient_params(step.rows, stride, units, piece);
    let parts = params.parts();
    let to = match parts {
        1 => gradient,
        parts => step.space.gradient_parts.part(0, parts as usize * params.part_len()),
    };
    let bindings = dense_gradient_weights::Bindings { input, d_output, gradient: to };
    step.push(dense_gradient_weights::dispatch(params, bindings));
    if parts > 1 {
        let params = sum_parts::Params { count: params.part_len() as u32, parts };
        let bindings = sum_parts::Bindings { parts: to, sums: gradient };
        step.push(sum_parts::dispatch(params, bindings));
    }
}

/// Elements of the parts of a piece's gradient, over up to `rows` rows.
pub(super) fn parts_len(rows: usize, stride: usize, units: usize, piece: &Piece) -> usize {
    let params = gradient_params(rows, stride, units, piece);
    match params.most_parts() {
        1 => 0,
        parts => parts as usize * params.part_len(),
    }
}

/// How the gradient of some rows of a layer's weights is computed.
fn gradient_params(
    rows: usize,
    stride: usize,
    units: usize,
    piece: &Piece,
) -> dense_gradient_weights::Params {
    dense_gradient_weights::Params {
        rows: rows as u32,
        inputs: piece.rows as u32,
        units: units as u32,
        stride: stride as u32,
        first: piece.first as u32,
        bias: piece.bias as u32,
        part_rows: rows as u32,
    }
    .in_parts()
}
