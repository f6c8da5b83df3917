//! Gradients of tables, and lazy rows.
//!
//! A small table's gradient is computed directly; a large one's by sorting the batch's ids, summing the runs
//! of equal ones, and carrying what a run leaves in the tiles that it crosses. Where it is exact, a large
//! table is lazy: only the rows that a batch names are updated. By Adam the others miss a step, and replay it when
//! they come up (`kernels/embedding_replay.rs`); `flush` brings all of them up to date before anybody reads
//! the weights. By Adagrad they miss nothing.

use super::record::{Piece, Places, Step};
use super::sort::Sort;
use crate::error::Result;
use crate::kernels::*;
use crate::optimizers::{ExactAdam, RowUpdate, Rows};
use crate::program::{Program, RoutineId};

/// Buffers of a large table's gradient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableBuffers {
    sort: Sort,
    /// What a run leaves at the start and the end of each tile.
    heads: Span,
    tails: Span,
}

impl TableBuffers {
    /// For up to `positions` ids of a batch.
    pub fn new(program: &mut Program, positions: usize, units: usize) -> TableBuffers {
        let tiles = positions.div_ceil(embedding_gradient_runs::TILE);
        let sort = Sort::new(program, positions);
        let heads = program.buffer("run heads", Element::F32, tiles * units);
        let tails = program.buffer("run tails", Element::F32, tiles * units);
        TableBuffers { sort, heads, tails }
    }
}

/// A table of which a step updates only the rows that its batch names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lazy {
    pub layer: usize,
    /// Rows of the table.
    pub rows: usize,
    pub units: usize,
    /// `[positions, units]`: gradients of the batch's ids.
    sums: Span,
    /// How the others catch up, where they miss anything.
    pub replay: Option<Replay>,
}

/// How rows are brought up to date when they come up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replay {
    /// Of the table.
    units: usize,
    /// `[RATES]`: the rate of step t at t % RATES.
    pub rates: Span,
    /// `[rows]`: the step through which each row is up to date.
    pub steps: Span,
    rule: ExactAdam,
    /// Brings every row up to the last step done.
    pub flush: RoutineId,
}

impl Lazy {
    /// Buffers and, where rows miss steps, the routine that brings all of them up to date.
    pub fn new(
        program: &mut Program,
        (layer, rows, units): (usize, usize, usize),
        positions: usize,
        rule: Rows,
        shared: (&TableBuffers, &Places, Span),
    ) -> Result<Lazy> {
        let sums = program.buffer("run sums", Element::F32, positions * units);
        let replay = match rule {
            Rows::Replayed(rule) => Some(Replay::new(program, (layer, rows, units), rule, shared)?),
            Rows::Named | Rows::All => None,
        };
        Ok(Lazy { layer, rows, units, sums, replay })
    }

    /// The optimizer on the rows of a piece that the batch names.
    fn update(&self, piece: &Piece, positions: u32, sorted_ids: Span, step: &mut Step<'_>) {
        let space = step.space;
        let Some(optimizer) = &space.optimizer else { return };
        let segment = &space.places.segments[piece.segment];
        let part = |span: Span| span.part(piece.offset, piece.len);
        let update = RowUpdate {
            positions,
            units: self.units as u32,
            first: piece.first as u32,
            rows: piece.rows as u32,
            state: space.state,
            schedule: space.schedule,
            sorted_ids,
            gradients: self.sums,
            weights: part(segment.weights),
            moments: segment.moments.iter().map(|&moment| part(moment)).collect(),
        };
        optimizer.record_rows(&update, &mut step.dispatches);
    }
}

impl Replay {
    fn new(
        program: &mut Program,
        (layer, rows, units): (usize, usize, usize),
        rule: ExactAdam,
        (table, places, state): (&TableBuffers, &Places, Span),
    ) -> Result<Replay> {
        let mut replay = Replay {
            units,
            rates: program.buffer("lazy rates", Element::F32, embedding_replay::RATES),
            steps: program.buffer("row steps", Element::U32, rows),
            rule,
            flush: RoutineId(0),
        };
        let ids = table.sort.sorted(rows)[0];
        let pieces = places.pieces[layer].iter().filter(|piece| piece.rows > 0);
        let mut flush: Vec<Dispatch> = pieces
            .flat_map(|piece| replay.catch_up(piece, places, piece.rows, ids, state, true))
            .collect();
        flush.push(replay.stamp(rows as u32, ids, state, true));
        replay.flush = program.add_routine("flush", flush)?;
        Ok(replay)
    }

    /// Marks rows as up to date: those of a batch's sorted ids, or `all` rows.
    fn stamp(&self, count: u32, ids: Span, state: Span, all: bool) -> Dispatch {
        let params = embedding_stamp::Params { count, all: all as u32 };
        let bindings = embedding_stamp::Bindings { state, ids, steps: self.steps };
        embedding_stamp::dispatch(params, bindings)
    }

    /// The steps that rows of a piece have missed: those of a batch's sorted ids, or `all` rows.
    fn catch_up(
        &self,
        piece: &Piece,
        places: &Places,
        positions: usize,
        sorted_ids: Span,
        state: Span,
        all: bool,
    ) -> Option<Dispatch> {
        let segment = &places.segments[piece.segment];
        let &[first, second] = &segment.moments[..] else { return None };
        let (part, rule) = (|span: Span| span.part(piece.offset, piece.len), self.rule);
        let params = embedding_replay::Params {
            positions: positions as u32,
            units: self.units as u32,
            first: piece.first as u32,
            rows: piece.rows as u32,
            all: all as u32,
            beta_1: rule.beta_1 as f32,
            beta_2: rule.beta_2 as f32,
            epsilon: rule.epsilon as f32,
        };
        let bindings = embedding_replay::Bindings {
            state,
            rates: self.rates,
            sorted_ids,
            steps: self.steps,
            weights: part(segment.weights),
            first_moments: part(first),
            second_moments: part(second),
        };
        Some(embedding_replay::dispatch(params, bindings))
    }
}

/// Records, ahead of the forward pass, the sort of a batch's `[rows, length]` ids and the steps that their
/// rows have missed.
pub(crate) fn replay_batch(length: usize, step: &mut Step<'_>) {
    let space = step.space;
    let (Some(lazy), Some(table)) = (&space.lazy, &space.table) else { return };
    let (ids, positions) = (space.batch_inputs, step.positions(length));
    let places = space.ragged.map(|ragged| ragged.row_of_id);
    let (count, to) = (positions as u32, &mut step.dispatches);
    let [sorted_ids, _] = table.sort.record_with(ids, places, count, lazy.rows, to);
    let Some(replay) = &lazy.replay else { return };
    for piece in step.pieces(lazy.layer).iter().filter(|piece| piece.rows > 0) {
        let (places, state) = (&space.places, space.state);
        step.dispatches.extend(replay.catch_up(piece, places, positions, sorted_ids, state, false));
    }
}

/// What a table's gradient is the sum of, position by position.
#[derive(Clone, Copy, Debug)]
pub(super) enum GradientOf {
    /// `d_output` `[positions, units]`.
    Positions { d_output: Span },
    /// `d_output` `[rows, units]` times the row's scale, for each of its `length` positions.
    Bags { d_output: Span, scales: Span, length: usize },
    /// `d_logits` `[rows]` times `weights` `[length, units]`.
    Outer { d_logits: Span, weights: Span, length: usize },
}

impl GradientOf {
    /// The spans that kernels take as scales and as the gradient, positions of a row (0: each is its own),
    /// and whether both are multiplied.
    fn parts(self, nothing: Span) -> ([Span; 2], u32, u32) {
        match self {
            GradientOf::Positions { d_output } => ([nothing, d_output], 0, 0),
            GradientOf::Bags { d_output, scales, length } => ([scales, d_output], length as u32, 0),
            GradientOf::Outer { d_logits, weights, length } => {
                ([d_logits, weights], length as u32, 1)
            }
        }
    }
}

/// Records the gradient of a layer's table over the batch's `positions` ids, and where a piece is updated at
/// once, its update.
pub(super) fn table_gradient(
    layer: usize,
    positions: usize,
    rows: usize,
    units: usize,
    of: GradientOf,
    step: &mut Step<'_>,
) {
    let space = step.space;
    if !space.places.learns(layer) {
        return;
    }
    let pieces = step.pieces(layer).iter().filter(|piece| piece.rows > 0);
    let ([scales, d_output], length, outer) = of.parts(space.nothing);
    // Ids of rows of different lengths are sorted with their rows: a bag of each.
    let row_of_id = space.ragged.map(|ragged| ragged.row_of_id);
    let length = if row_of_id.is_some() { length.min(1) } else { length };
    let (ids, positions, units) = (space.batch_inputs, positions as u32, units as u32);
    let Some(table) = &space.table else {
        for piece in pieces {
            let gradient = step.weight_gradient(piece);
            let rows = rows as u32;
            let params = embedding_gradient::Params { positions, units, rows, length };
            let bindings = embedding_gradient::Bindings { ids, d_output, scales, gradient };
            step.push(embedding_gradient::dispatch(params, bindings));
            step.update_piece(piece);
        }
        return;
    };
    let (heads, tails) = (table.heads, table.tails);
    // Sums of runs of equal ids, into the rows of a piece or, `compact`, each at its run's first place.
    let runs = |[sorted_ids, sorted_positions]: [Span; 2], first, rows, compact, gradient| {
        let params = embedding_gradient_runs::Params {
            positions,
            units,
            length,
            first,
            rows,
            compact,
            outer,
        };
        let bindings = embedding_gradient_runs::Bindings {
            sorted_ids,
            sorted_positions,
            d_output,
            scales,
            gradient,
            heads,
            tails,
        };
        let carry = embedding_gradient_carry::Params { positions, units, first, rows, compact };
        [
            embedding_gradient_runs::dispatch(params, bindings),
            embedding_gradient_carry::dispatch(
                carry,
                embedding_gradient_carry::Bindings { sorted_ids, heads, tails, gradient },
            ),
        ]
    };
    if let Some(lazy) = &space.lazy {
        // The ids were sorted before the forward pass.
        let sorted = table.sort.sorted(rows);
        step.dispatches.extend(runs(sorted, 0, u32::MAX, 1, lazy.sums));
        for piece in pieces {
            lazy.update(piece, positions, sorted[0], step);
        }
        if let Some(replay) = &lazy.replay {
            step.push(replay.stamp(positions, sorted[0], space.state, false));
        }
        return;
    }
    let sorted = table.sort.record_with(ids, row_of_id, positions, rows, &mut step.dispatches);
    for piece in pieces {
        let gradient = step.weight_gradient(piece);
        let params = fill::Params { count: gradient.len as u32, value: 0.0 };
        step.push(fill::dispatch(params, fill::Bindings { values: gradient }));
        let (first, rows) = (piece.first as u32, piece.rows as u32);
        step.dispatches.extend(runs(sorted, first, rows, 0, gradient));
        step.update_piece(piece);
    }
}
