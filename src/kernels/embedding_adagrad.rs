//! Adagrad ([`super::adagrad`]) on the rows of a table that a batch names, and on no others: a step costs what its
//! ids cost, however large the table. Rows that it does not touch have no gradient, and miss nothing.
//!
//! The pairs (id, position) come sorted, and each id's gradient summed ([`super::embedding_gradient_runs`], compact).
//! (Word vectors have one that sums by itself: [`super::embedding_update`].)

#[cfg(feature = "unstable")]
use super::case::*;
use super::embedding_adam::for_named_rows;
use super::state::BATCH_SLOT;
use super::{Real, adagrad};

kernel! {
    name: "embedding_adagrad",
    params: {
        /// Ids in the batch.
        positions: u32,
        /// Width of the table.
        units: u32,
        /// First row of the table that the bindings hold.
        first: u32,
        /// Rows that they hold.
        rows: u32,
        /// Added to the sums of squares under the root: above zero.
        offset: f32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[slots]`: the learning rate of each step.
        schedule: read f32,
        /// `[positions]`, ascending
        sorted_ids: read u32,
        /// `[positions, units]`: each run's gradient at the place of its first pair.
        gradients: read f32 as Item,
        /// `[rows, units]`
        weights: write f32 as Item,
        /// `[rows, units]`: sums of squared gradients.
        squares: write f32 as Item,
    },
    items: {
        width: |p| p.units,
        rows: |p| p.positions as usize,
        walk: 64,
        source: [wgsl!("shared/state.wgsl"), wgsl!("embedding_adagrad.wgsl"), wgsl!("shared/named_rows.wgsl")],
    },
    reference: reference,
    case: case,
    benches: [("32768 ids of 20000 x 64", [32_768, 20_000, 64, 1])],
}

fn reference<T: Real>(
    p: &Params,
    state: &[u32],
    schedule: &[T],
    sorted_ids: &[u32],
    gradients: &[T],
    weights: &mut [T],
    squares: &mut [T],
) {
    let units = p.units as usize;
    let rate = schedule[state[BATCH_SLOT] as usize];
    let offset = T::from_f32(p.offset);
    let ids = &sorted_ids[..p.positions as usize];
    let tables = [weights, squares];
    for_named_rows(ids, [p.first, p.rows], units, gradients, tables, |gradients, rows| {
        super::vectorised(
            #[inline(always)]
            || adagrad::steps(rate, offset, gradients, rows),
        );
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, rows, units, b]: Sizes) -> Dispatch {
    let positions = a * b;
    c.moves(positions + 5 * rows * units);
    let [first, held] = c.piece(rows, b);
    let [ids, _] = c.sorted_pairs(positions, rows);
    let bindings = Bindings {
        state: c.state(0, 2),
        schedule: c.reals(vec![0.0, 0.0, 1e-1]),
        sorted_ids: c.words(ids),
        gradients: c.random(positions * units, 1.0),
        weights: c.random(held * units, 1.0),
        squares: c.between(held * units, 0.0, 1.0),
    };
    c.expect(bindings.weights, EXACT);
    c.expect(bindings.squares, EXACT);
    let params = Params {
        positions: positions as u32,
        units: units as u32,
        first: first as u32,
        rows: held as u32,
        offset: 1e-3,
    };
    dispatch(params, bindings)
}
