//! Adam ([`super::adam`]) on the rows of a table that a batch names, and on no others: a step costs
//! what its ids cost, however large the table. Rows that it does not touch have missed a step with
//! a gradient of zero; [`super::embedding_replay`] replays it when they come up again.
//!
//! The pairs (id, position) come sorted, and each id's gradient summed
//! ([`super::embedding_gradient_runs`], compact).

use super::Real;
use super::adam::Rule;
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
        source: [wgsl!("shared/state.wgsl"), wgsl!("embedding_adam.wgsl")],
    },
    reference: reference,
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
    let (before, ids) = held(&sorted_ids[..p.positions as usize], p.first, p.rows);
    let tables = [weights, first_moments, second_moments];
    for_runs(ids, units, p.first, tables, |start, _, tables| {
        let gradients = &gradients[(before + start) * units..][..units];
        super::vectorised(
            #[inline(always)]
            || rule.steps(rate, gradients, tables),
        );
    });
}

/// Of sorted ids, how many come before row `first`, and those from there on within `rows` rows.
pub(super) fn held(sorted_ids: &[u32], first: u32, rows: u32) -> (usize, &[u32]) {
    let begin = sorted_ids.partition_point(|&id| id < first);
    let end = sorted_ids.partition_point(|&id| id < first.saturating_add(rows));
    (begin, &sorted_ids[begin..end])
}
