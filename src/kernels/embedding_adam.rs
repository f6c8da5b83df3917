//! Adam ([`super::adam`]) on the rows of a table that a batch names, and on no others: a step costs
//! what its ids cost, however large the table. Rows that it does not touch have missed a step with
//! a gradient of zero; [`super::embedding_replay`] replays it when they come up again.
//!
//! The pairs (id, position) come sorted, and each id's gradient summed
//! ([`super::embedding_gradient_runs`], compact).

use super::Real;
use super::adam::Rule;
#[cfg(feature = "unstable")]
use super::case::*;
use super::embedding_update::for_runs;
use super::state::BATCH_SLOT;

kernel! {
    name: "embedding_adam",
    params: {
        /// Ids in the batch.
        positions: u32,
        /// Width of the table.
        units: u32,
        /// First row of the table that the bindings hold.
        first: u32,
        /// Rows that they hold.
        rows: u32,
        /// Decay of the first moment.
        beta_1: f32,
        /// Decay of the second moment.
        beta_2: f32,
        /// 1 - beta_1, rounded once.
        complement_1: f32,
        /// 1 - beta_2, rounded once.
        complement_2: f32,
        /// Added to the root of the second moment.
        epsilon: f32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[slots]`: the rate of each step.
        schedule: read f32,
        /// `[positions]`, ascending
        sorted_ids: read u32,
        /// `[positions, units]`: each run's gradient at the place of its first pair.
        gradients: read f32 as Item,
        /// `[rows, units]`
        weights: write f32 as Item,
        /// `[rows, units]`
        first_moments: write f32 as Item,
        /// `[rows, units]`
        second_moments: write f32 as Item,
    },
    items: {
        width: |p| p.units,
        rows: |p| p.positions as usize,
        walk: 64,
        source: [wgsl!("shared/state.wgsl"), wgsl!("embedding_adam.wgsl"), wgsl!("shared/named_rows.wgsl")],
    },
    reference: reference,
    case: case,
    benches: [("32768 ids of 20000 x 64", [32_768, 20_000, 64, 1])],
}

#[allow(clippy::too_many_arguments)]
fn reference<T: Real>(
    p: &Params,
    state: &[u32],
    schedule: &[T],
    sorted_ids: &[u32],
    gradients: &[T],
    weights: &mut [T],
    first_moments: &mut [T],
    second_moments: &mut [T],
) {
    let units = p.units as usize;
    let rate = schedule[state[BATCH_SLOT] as usize];
    let rule = Rule::new([p.beta_1, p.beta_2], [p.complement_1, p.complement_2], p.epsilon);
    let ids = &sorted_ids[..p.positions as usize];
    let tables = [weights, first_moments, second_moments];
    for_named_rows(ids, [p.first, p.rows], units, gradients, tables, |gradients, rows| {
        super::vectorised(
            #[inline(always)]
            || rule.steps(rate, gradients, rows),
        );
    });
}

/// Calls `work` with the gradient of each row that a batch's sorted ids name, of `rows` rows from `first` on, and the row
/// in each of the tables, which hold those.
pub(super) fn for_named_rows<T: Real, const N: usize>(
    sorted_ids: &[u32],
    [first, rows]: [u32; 2],
    units: usize,
    gradients: &[T],
    tables: [&mut [T]; N],
    work: impl Fn(&[T], [&mut [T]; N]) + Send + Sync,
) {
    let (before, ids) = held(sorted_ids, first, rows);
    for_runs(ids, units, first, tables, |start, _, rows| {
        work(&gradients[(before + start) * units..][..units], rows);
    });
}

/// Of sorted ids, how many come before row `first`, and those from there on within `rows` rows.
pub(super) fn held(sorted_ids: &[u32], first: u32, rows: u32) -> (usize, &[u32]) {
    let begin = sorted_ids.partition_point(|&id| id < first);
    let end = sorted_ids.partition_point(|&id| id < first.saturating_add(rows));
    (begin, &sorted_ids[begin..end])
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, rows, units, b]: Sizes) -> Dispatch {
    let positions = a * b;
    c.moves(positions + 7 * rows * units);
    let [first, held] = c.piece(rows, b);
    let [ids, _] = c.sorted_pairs(positions, rows);
    let bindings = Bindings {
        state: c.state(0, 2),
        schedule: c.reals(vec![0.0, 0.0, 1e-2]),
        sorted_ids: c.words(ids),
        gradients: c.random(positions * units, 1.0),
        weights: c.random(held * units, 1.0),
        first_moments: c.random(held * units, 1.0),
        second_moments: c.between(held * units, 0.0, 1.0),
    };
    c.expect(bindings.weights, EXACT);
    c.expect(bindings.first_moments, EXACT);
    c.expect(bindings.second_moments, EXACT);
    let params = Params {
        positions: positions as u32,
        units: units as u32,
        first: first as u32,
        rows: held as u32,
        beta_1: 0.9,
        beta_2: 0.999,
        complement_1: 0.1,
        complement_2: 0.001,
        epsilon: 1e-7,
    };
    dispatch(params, bindings)
}
