//! `embedding`: a row of a table for each id, `[length]` ids to `[length, units]`.
//!
//! Backward, a row's gradient is the sum of the output's gradient over the positions that hold its id
//! (`table.rs`). Right behind it, `mean_pool` makes an embedding bag of both, and `flatten` with a dense layer
//! of one unit an outer product (`train/fuse.rs`).

use serde::{Deserialize, Serialize};

use super::dense::Affine;
use super::plan::{Lowering, Operation, Small, ValueId};
use super::record::{At, Seen, Step};
use super::table::{GradientOf, table_gradient};
use super::{
    BiasPlace, Describe, Group, Initializer, Layer, Layout, ParameterSpec, Shape, at_least_one,
};
use crate::kernels::{self, Span, embedding_gather};

/// A row of a table for each id: `[length]` ids to `[length, units]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Embedding {
    /// Rows of the table: ids are below it.
    pub rows: usize,
    /// Width of the table.
    pub units: usize,
}

impl Layer {
    /// A row of a table of `[rows, units]` for each id: `[length]` ids to `[length, units]`.
    pub fn embedding(rows: usize, units: usize) -> Layer {
        Embedding { rows, units }.into()
    }
}

impl Describe for Embedding {
    fn kind(&self) -> &'static str {
        "embedding"
    }

    fn title(&self) -> &'static str {
        "Embedding"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        at_least_one("rows", self.rows)?;
        at_least_one("units", self.units)?;
        match inputs[0].is_ids() {
            true => Ok(Shape::sequence(inputs[0].width(), self.units)),
            false => Err("an embedding reads ids, so it stands first and the data are ids".into()),
        }
    }

    fn parameters(&self, _input: Shape) -> Vec<ParameterSpec> {
        let initializer = Initializer::Uniform(0.05);
        vec![ParameterSpec { role: "weight", shape: vec![self.rows, self.units], initializer }]
    }

    fn layout(&self, _input: Shape) -> Option<Layout> {
        let (rows, units, bias) = (self.rows, self.units, BiasPlace::None);
        // A table's rows are gathered, not summed.
        Some(Layout { rows, units, bias, group: Group::Table, most_rows: usize::MAX, together: 1 })
    }

    fn table_rows(&self) -> Option<usize> {
        Some(self.rows)
    }

    fn units(&self) -> Option<usize> {
        Some(self.units)
    }

    fn with_table_rows(&self, rows: usize) -> Option<Layer> {
        Some(Embedding { rows, ..*self }.into())
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        let shape = Shape::sequence(to.shape(inputs[0]).width(), self.units);
        to.operation(Gather { rows: self.rows, units: self.units }, inputs, shape)
    }
}

/// A row of a table for each id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gather {
    pub rows: usize,
    pub units: usize,
}

impl Operation for Gather {
    fn as_small(&self) -> Option<Small> {
        let activation = kernels::Activation::Linear;
        Some(Small { embeds: true, units: self.units, activation })
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        self.gather(at.layer, at.inputs[0], at.output, step);
        kernels::Activation::Linear
    }

    fn backward(&self, at: &At<'_>, d_output: Span, _: &[Option<Span>], step: &mut Step<'_>) {
        let positions = step.rows * at.inputs[0].shape.width();
        let of = GradientOf::Positions { d_output };
        table_gradient(at.layer, positions, self.rows, self.units, of, step);
    }
}

impl Gather {
    fn gather(&self, layer: usize, ids: Seen, output: Span, step: &mut Step<'_>) {
        let pieces = step.pieces(layer);
        for piece in pieces {
            let params = embedding_gather::Params {
                positions: (step.rows * ids.shape.width()) as u32,
                units: self.units as u32,
                first: piece.first as u32,
                rows: match pieces.len() {
                    1 => u32::MAX,
                    _ => piece.rows as u32,
                },
            };
            let (ids, table) = (ids.span, step.weights(piece));
            step.push(embedding_gather::dispatch(
                params,
                embedding_gather::Bindings { ids, table, output },
            ));
        }
    }
}

/// A table and the dense layer of one unit that ends the model and alone reads it: the gradient of what lies
/// between is the product of the logits' gradient and the dense layer's weights, and is not materialised.
#[derive(Debug)]
pub(crate) struct OuterTable {
    pub table: Gather,
    pub table_layer: usize,
    pub dense: Affine,
    /// Elements of a row between both.
    pub width: usize,
}

impl OuterTable {
    /// What lies between both.
    fn between(&self, at: &At<'_>, step: &Step<'_>) -> Seen {
        let (shape, activation) = (Shape::vector(self.width), kernels::Activation::Linear);
        Seen { span: at.scratch.part(0, step.rows * self.width), shape, activation }
    }
}

impl Operation for OuterTable {
    fn scratch(&self, rows: usize, _inputs: &[Shape]) -> usize {
        rows * self.width
    }

    fn gradient_parts(&self, rows: usize, _: Shape, pieces: &[super::record::Piece]) -> usize {
        self.dense.gradient_parts(rows, Shape::vector(self.width), pieces)
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let between = self.between(at, step);
        self.table.gather(self.table_layer, at.inputs[0], between.span, step);
        self.dense.affine(at.layer, between, at.output, at.gives_logits, step)
    }

    fn backward(&self, at: &At<'_>, d_output: Span, _: &[Option<Span>], step: &mut Step<'_>) {
        self.dense.gradient_of_weights(at.layer, self.between(at, step), d_output, step);
        let length = at.inputs[0].shape.width();
        // Fused only where the dense layer's weights are one piece, which is updated later.
        let Some(piece) = step.pieces(at.layer).first() else { return };
        let of = GradientOf::Outer { d_logits: d_output, weights: step.weights(piece), length };
        let (rows, units) = (self.table.rows, self.table.units);
        table_gradient(self.table_layer, step.rows * length, rows, units, of, step);
    }
}
