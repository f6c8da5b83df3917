//! `bag`: activation(the combined rows of a table for a row's ids + b), `[length]` ids to `[units]`. A dense
//! layer over the bag of the ids, whose row of counts is never made; id 0 (padding) adds nothing.
//!
//! Backward, every id's row takes the output's gradient times what its row's sum was multiplied by (1, 1 / n,
//! or 1 / sqrt n, kept from the forward pass), and the bias the sum over the batch.

use serde::{Deserialize, Serialize};

use super::dense::{gradient_of_piece, parts_len};
use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Piece, Step};
use super::table::{GradientOf, table_gradient};
use super::{
    Activation, BiasPlace, Describe, Group, Layer, Layout, ParameterSpec, Shape, at_least_one,
};
use crate::kernels::{self, Span, embedding_bag};

/// How the vectors of a row's ids become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BagMode {
    /// Their sum: a dense layer over counts.
    #[default]
    Sum,
    /// Their mean.
    Mean,
    /// Their sum over the root of their number, so that long texts are not louder than short ones.
    #[serde(rename = "sqrt", alias = "sqrtn")]
    SqrtN,
}

impl BagMode {
    fn code(self) -> u32 {
        match self {
            BagMode::Sum => embedding_bag::SUM,
            BagMode::Mean => embedding_bag::MEAN,
            BagMode::SqrtN => embedding_bag::SQRT_N,
        }
    }
}

/// activation(the combined rows of a table for a row's ids + b).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EmbeddingBag {
    /// Rows of the table: ids are below it.
    pub rows: usize,
    /// Outputs.
    pub units: usize,
    /// How the rows become one.
    #[serde(default, rename = "combine", alias = "mode")]
    pub mode: BagMode,
    /// Applied to each output; linear unless given.
    #[serde(default)]
    pub activation: Activation,
}

impl Layer {
    /// activation(the combined rows of a table of `[rows, units]` for a row's ids + b).
    pub fn embedding_bag(
        rows: usize,
        units: usize,
        mode: BagMode,
        activation: Activation,
    ) -> Layer {
        EmbeddingBag { rows, units, mode, activation }.into()
    }
}

impl Describe for EmbeddingBag {
    fn kind(&self) -> &'static str {
        "bag"
    }

    fn title(&self) -> &'static str {
        "Bag"
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        at_least_one("rows", self.rows)?;
        at_least_one("units", self.units)?;
        match inputs[0].is_ids() {
            true => Ok(Shape::vector(self.units)),
            false => Err("a bag reads ids, so it stands first and the data are ids".into()),
        }
    }

    fn parameters(&self, _input: Shape) -> Vec<ParameterSpec> {
        ParameterSpec::kernel_and_bias(self.rows, self.units)
    }

    fn layout(&self, _input: Shape) -> Option<Layout> {
        let (rows, units, bias) = (self.rows, self.units, BiasPlace::Apart);
        Some(Layout { rows, units, bias, group: Group::Table, most_rows: usize::MAX, together: 1 })
    }

    fn table_rows(&self) -> Option<usize> {
        Some(self.rows)
    }

    fn can_end(&self) -> bool {
        // Latents of texts, which nothing activates behind the sum.
        self.activation != Activation::Softmax
    }

    fn units(&self) -> Option<usize> {
        Some(self.units)
    }

    fn with_table_rows(&self, rows: usize) -> Option<Layer> {
        Some(EmbeddingBag { rows, ..*self }.into())
    }

    fn with_activation(&self, activation: Activation) -> Option<Layer> {
        Some(EmbeddingBag { activation, ..*self }.into())
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        let operation = Bag {
            rows: self.rows,
            units: self.units,
            mode: self.mode,
            activation: self.activation.fused().unwrap_or_default(),
        };
        let sums = to.operation(operation, inputs, Shape::vector(self.units));
        self.activation.lower(sums, to)
    }
}

/// An embedding bag, with an activation that the kernel fuses. Without a bias where its layer has none: an
/// embedding whose mean is pooled.
#[derive(Debug)]
pub(crate) struct Bag {
    pub rows: usize,
    pub units: usize,
    pub mode: BagMode,
    pub activation: kernels::Activation,
}

impl Operation for Bag {
    fn scratch(&self, rows: usize, _inputs: &[Shape]) -> usize {
        // What each row's sum was multiplied by.
        rows
    }

    fn gradient_parts(&self, rows: usize, input: Shape, pieces: &[Piece]) -> usize {
        // Of a bag only the bias has a gradient of this kind.
        let bias = pieces.iter().filter(|piece| piece.bias);
        bias.map(|piece| parts_len(rows, input.width(), self.units, piece)).max().unwrap_or(0)
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let linear = kernels::Activation::Linear;
        let activation = if at.gives_logits { linear } else { self.activation };
        let pieces = step.pieces(at.layer);
        let bias = pieces.iter().find(|piece| piece.bias).map(|piece| step.weights(piece));
        let tables: Vec<&Piece> = pieces.iter().filter(|piece| piece.rows > 0).collect();
        let (length, starts, ragged) = step.rows_of_ids(at.inputs[0].shape.width());
        for (n, piece) in tables.iter().enumerate() {
            let params = embedding_bag::Params {
                rows: step.rows as u32,
                length,
                units: self.units as u32,
                first: piece.first as u32,
                table_rows: piece.rows as u32,
                mode: self.mode.code(),
                activation: activation.code(),
                adds: (n > 0) as u32,
                ends: (n + 1 == tables.len()) as u32,
                bias: bias.is_some() as u32,
                ragged,
            };
            let bindings = embedding_bag::Bindings {
                ids: step.space.batch_inputs,
                starts,
                table: step.weights(piece),
                bias: bias.unwrap_or(step.space.nothing),
                output: at.output,
                scales: at.scratch,
            };
            step.push(embedding_bag::dispatch(params, bindings));
        }
        activation
    }

    fn backward(&self, at: &At<'_>, d_output: Span, _: &[Option<Span>], step: &mut Step<'_>) {
        let length = at.inputs[0].shape.width();
        let of = GradientOf::Bags { d_output, scales: at.scratch, length };
        table_gradient(at.layer, step.positions(length), self.rows, self.units, of, step);
        for piece in step.pieces(at.layer).iter().filter(|piece| piece.bias) {
            gradient_of_piece(piece, self.units, 0, step.space.nothing, d_output, step);
        }
    }
}
