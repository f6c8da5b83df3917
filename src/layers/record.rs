//! What operations see as they are recorded: the batch, the weights' places, the step.

use super::plan::Purpose;
use super::table::{Lazy, Replay, TableBuffers};
use super::{Group, Shape};
use crate::kernels::{Activation, Dispatch, Span, accumulate};
use crate::optimizers::{Clipping, Decayed, Optimizer, Update};

/// Parameters that share one buffer of weights, one of gradients and one of each moment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub weights: Span,
    /// None in frozen segments, in those of a lazy table, and where gradients share one buffer.
    pub gradients: Option<Span>,
    pub moments: Vec<Span>,
    pub best: Option<Span>,
}

/// Some rows of a layer's parameters: a range of a segment's buffers. A layer is one piece unless
/// it exceeds a binding. A dense layer's bias is the row behind its kernel's last; a bag's is a
/// piece without other rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub segment: usize,
    pub offset: usize,
    pub len: usize,
    /// First row of the kernel.
    pub first: usize,
    /// Rows of the kernel.
    pub rows: usize,
    /// Whether the bias follows them.
    pub bias: bool,
    /// What the rows are.
    pub group: Group,
    /// Whether it holds running statistics, not weights that learn.
    pub is_statistics: bool,
}

/// Where a model's parameters lie.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    pub segments: Vec<Segment>,
    /// The pieces of each layer's parameters, by layer; none for layers without.
    pub pieces: Vec<Vec<Piece>>,
    /// The buffer that gradients share, where they do: a piece is updated as soon as it has its gradient.
    pub shared_gradients: Option<Span>,
    /// Whether a batch is taken in parts: a piece's gradient is then added to its segment's from the shared buffer.
    pub accumulates: bool,
    /// The first layers, this many, keep their weights.
    pub frozen: usize,
}

impl Places {
    /// Whether a layer has weights that learn.
    pub fn learns(&self, layer: usize) -> bool {
        layer >= self.frozen && !self.pieces[layer].is_empty()
    }

    pub fn weights(&self, piece: &Piece) -> Span {
        self.segments[piece.segment].weights.part(piece.offset, piece.len)
    }

    /// The ranges of `len` weights of a segment from `offset` on that weight decay is for.
    fn decayed(&self, segment: usize, offset: usize, len: usize) -> Vec<Decayed> {
        let own = self.pieces.iter().flatten().filter(|piece| piece.segment == segment);
        own.filter(|piece| piece.group.decays() && piece.rows > 0)
            .filter(|piece| piece.offset >= offset && piece.offset < offset + len)
            .map(|piece| {
                let units = piece.len / (piece.rows + piece.bias as usize);
                Decayed { start: piece.offset - offset, len: piece.rows * units }
            })
            .collect()
    }
}

/// What all steps of a recording share.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub state: Span,
    /// `[slots]`: what the optimizer's kernel takes as the rate of each step.
    pub schedule: Span,
    /// `[slots]`: the learning rate of each step.
    pub rates: Span,
    /// Is bound where a kernel needs something and reads nothing.
    pub nothing: Span,
    /// `[batch, width]`: the batch's ids, or its features.
    pub batch_inputs: Span,
    /// Where the rows of a batch lie, where they have different lengths.
    pub ragged: Option<Ragged>,
    /// Gradients of a layer's weights that are computed in parts, and parts of moments.
    pub gradient_parts: Span,
    pub places: Places,
    /// What a large table's gradient needs.
    pub table: Option<TableBuffers>,
    pub lazy: Option<Lazy>,
    pub optimizer: Option<Optimizer>,
    pub clipping: Option<Clipping>,
    pub seed: u64,
}

impl Workspace {
    /// How rows of a lazy table catch up, where they miss anything.
    pub fn replay(&self) -> Option<Replay> {
        self.lazy?.replay
    }
}

/// A batch of rows of ids of different lengths, one behind the other in `batch_inputs`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ragged {
    /// `[batch, 2]`: where each row begins in the data set, and how many ids it has.
    pub spans: Span,
    /// `[batch + 1]`: where each row begins in the batch, and where the last ends.
    pub starts: Span,
    /// `[words]`: the row of each id.
    pub row_of_id: Span,
    /// Ids of the longest row.
    pub longest: usize,
}

/// One step under recording.
pub(crate) struct Step<'a> {
    pub space: &'a Workspace,
    /// Rows of the batch, or of the part of it that is under way.
    pub rows: usize,
    /// Ids of the batch that the step has room for, where rows have different lengths; padding is behind the last.
    pub words: Option<usize>,
    /// The first of them in the batch.
    pub first: usize,
    /// Rows of the whole batch.
    pub batch: usize,
    pub purpose: Purpose,
    pub dispatches: Vec<Dispatch>,
}

/// A value as an operation of a step reads it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// `[rows, width]`
    pub span: Span,
    pub shape: Shape,
    /// The activation whose values these are: the gradient goes through its derivative.
    pub activation: Activation,
}

/// Where an operation of a step stands.
#[derive(Debug)]
pub(crate) struct At<'a> {
    /// The layer whose weights it has.
    pub layer: usize,
    pub inputs: &'a [Seen],
    /// `[rows, width]`
    pub output: Span,
    pub shape: Shape,
    /// What [`super::plan::Operation::scratch`] and, in training, [`super::plan::Operation::training_scratch`] asked for.
    pub scratch: Span,
    /// Whether the output goes to a loss or a store that activates it itself.
    pub gives_logits: bool,
}

impl<'a> Step<'a> {
    pub fn push(&mut self, dispatch: Dispatch) {
        self.dispatches.push(dispatch);
    }

    /// Ids of the batch, padding among them, of rows of `length` where they have one length.
    pub fn positions(&self, length: usize) -> usize {
        self.words.unwrap_or(self.rows * length)
    }

    /// How kernels find the ids of a row of `length`: that length or the longest row's, where rows begin, and 1 where
    /// they have different lengths.
    pub fn rows_of_ids(&self, length: usize) -> (u32, Span, u32) {
        match &self.space.ragged {
            Some(ragged) => (ragged.longest as u32, ragged.starts, 1),
            // Ids are read as ids, and none of these.
            None => (length as u32, self.space.batch_inputs, 0),
        }
    }

    /// The pieces of a layer's weights.
    pub fn pieces(&self, layer: usize) -> &'a [Piece] {
        &self.space.places.pieces[layer]
    }

    pub fn weights(&self, piece: &Piece) -> Span {
        self.space.places.weights(piece)
    }

    /// Where the gradient of a piece's weights belongs.
    pub fn weight_gradient(&self, piece: &Piece) -> Span {
        let own = self.space.places.segments[piece.segment].gradients;
        match self.space.places.shared_gradients {
            Some(shared) => shared.part(0, piece.len),
            None => own.map_or(self.space.nothing, |span| span.part(piece.offset, piece.len)),
        }
    }

    /// Where gradients share a buffer, records the update of a piece that has its own there.
    pub fn update_piece(&mut self, piece: &Piece) {
        if let Some(shared) = self.space.places.shared_gradients {
            if self.space.places.accumulates {
                return self.accumulate(piece, shared.part(0, piece.len));
            }
            // Kernels take four at a time. Pieces are padded to more, in the shared buffer too.
            let gradients = shared.part(0, piece.len.next_multiple_of(4));
            self.update(piece.segment, piece.offset, gradients);
        }
    }

    /// Records that a part's gradient of a piece goes to the batch's.
    fn accumulate(&mut self, piece: &Piece, values: Span) {
        let Some(sums) = self.space.places.segments[piece.segment].gradients else { return };
        let params = accumulate::Params {
            count: values.len as u32,
            scale: self.rows as f32 / self.batch as f32,
            adds: (self.first > 0) as u32,
        };
        let sums = sums.part(piece.offset, piece.len);
        self.push(accumulate::dispatch(params, accumulate::Bindings { values, sums }));
    }

    /// Records the optimizer on every segment with gradients of its own, once the whole batch has given its part.
    pub fn update_all(&mut self) {
        let places = &self.space.places;
        let is_whole = self.first + self.rows == self.batch;
        if places.shared_gradients.is_some() && !places.accumulates || !is_whole {
            return;
        }
        let segments = self.space.places.segments.iter().enumerate();
        let learning: Vec<(usize, Span)> =
            segments.filter_map(|(i, segment)| Some((i, segment.gradients?))).collect();
        if let Some(clipping) = &self.space.clipping {
            let gradients: Vec<Span> = learning.iter().map(|&(_, gradients)| gradients).collect();
            clipping.record_whole(&gradients, &mut self.dispatches);
        }
        for (segment, gradients) in learning {
            self.update(segment, 0, gradients);
        }
    }

    /// Records the optimizer on the part of a segment from `offset` on that `gradients` are of.
    fn update(&mut self, segment: usize, offset: usize, gradients: Span) {
        let space = self.space;
        let Some(optimizer) = &space.optimizer else { return };
        if let Some(clipping) = &space.clipping {
            clipping.record_part(gradients, &mut self.dispatches);
        }
        let own = &space.places.segments[segment];
        let part = |span: Span| span.part(offset, gradients.len);
        let update = Update {
            state: space.state,
            schedule: space.schedule,
            rates: space.rates,
            gradients,
            weights: part(own.weights),
            moments: own.moments.iter().map(|&moment| part(moment)).collect(),
            decayed: space.places.decayed(segment, offset, gradients.len),
        };
        optimizer.record(&update, &mut self.dispatches);
    }
}
