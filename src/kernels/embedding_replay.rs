//! The steps of Adam with a gradient of zero that rows of a table have missed, replayed in registers
//! with the operations of [`super::adam`]: the result is that of an Adam that touches every row at
//! every step, bit for bit, and a row costs memory traffic only when it comes up.
//!
//! Bound to the ids of a batch it brings their rows up to the step before the batch's; bound to all
//! rows, to the last step done, before anybody reads the weights. [`super::embedding_stamp`] notes
//! the step afterwards.
//!
//! Weights that a replayed step no longer moves are not moved by the later ones either, if m /
//! sqrt(v) falls faster than a rate can grow ([`is_exact`]); only the moments decay on.

use super::adam::Rule;
#[cfg(feature = "unstable")]
use super::case::*;
use super::embedding_adam::held;
use super::embedding_update::for_runs;
use super::state::{BATCH_STEP, STEP};
use super::{Real, for_costly_rows};

/// Rates that are kept: rows may lag by no more steps. `RATES` of the shader.
pub const RATES: usize = 1024;

kernel! {
    name: "embedding_replay",
    params: {
        /// Ids in the batch; where `all` the rows that the bindings hold.
        positions: u32,
        /// Width of the table.
        units: u32,
        /// First row of the table that the bindings hold.
        first: u32,
        /// Rows that they hold.
        rows: u32,
        /// 1: all rows; 0: those of a batch.
        all: u32,
        /// Decay of the first moment.
        beta_1: f32,
        /// Decay of the second moment.
        beta_2: f32,
        /// Added to the root of the second moment.
        epsilon: f32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[RATES]`: the rate of step t at `t % RATES`.
        rates: read f32,
        /// `[positions]`, ascending; not read where `all`.
        sorted_ids: read u32,
        /// `[table rows]`: the step through which each row is up to date.
        steps: read u32,
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
        walk: 8,
        // Seven walks along a row at most: see WALK there.
        software: |p| p.units.div_ceil(if p.units.is_multiple_of(4) { 32 } else { 8 }) <= 7,
        source: [wgsl!("shared/state.wgsl"), wgsl!("embedding_replay.wgsl")],
    },
    reference: reference,
    case: case,
    benches: [
        // All rows are up to date: what it costs a step that finds nothing to replay.
        ("32768 ids, nothing missed", [16_384, 20_000, 64, 2]),
    ],
}

/// Whether replayed steps equal those of a dense Adam: m / sqrt(v) falls by b1 / sqrt(b2) a step, and
/// the bias correction raises a rate by less than 5 % a step.
pub fn is_exact(beta_1: f64, beta_2: f64) -> bool {
    beta_1 * 1.05 < beta_2.sqrt()
}

#[allow(clippy::too_many_arguments)]
fn reference<T: Real>(
    p: &Params,
    state: &[u32],
    rates: &[T],
    sorted_ids: &[u32],
    steps: &[u32],
    weights: &mut [T],
    first_moments: &mut [T],
    second_moments: &mut [T],
) {
    let units = p.units as usize;
    let rule: Rule<T> = Rule::new([p.beta_1, p.beta_2], [0.0; 2], p.epsilon);
    let replay = |id: u32, through: u32, weights: &mut [T], ms: &mut [T], vs: &mut [T]| {
        let done = steps[id as usize];
        let is_fresh = |values: &[T]| values.iter().all(|&value| value == T::ZERO);
        if done >= through || is_fresh(ms) && is_fresh(vs) {
            return;
        }
        let mut moves = true;
        super::vectorised(
            #[inline(always)]
            || {
                for step in done + 1..=through {
                    let rate = rates[step as usize % RATES];
                    ms.iter_mut().for_each(|m| *m = (rule.betas[0] * *m).flushed());
                    vs.iter_mut().for_each(|v| *v = (rule.betas[1] * *v).flushed());
                    if moves {
                        let mut moved = 0;
                        for ((p, &m), &v) in weights.iter_mut().zip(&*ms).zip(&*vs) {
                            let next = *p - rule.change(rate, m, v);
                            moved |= (next != *p) as u32;
                            *p = next;
                        }
                        moves = moved != 0;
                    }
                }
            },
        );
    };
    if p.all == 0 {
        let through = state[BATCH_STEP] - 1;
        let (_, ids) = held(&sorted_ids[..p.positions as usize], p.first, p.rows);
        let tables = [weights, first_moments, second_moments];
        return for_runs(ids, units, p.first, tables, |_, run, [weights, ms, vs]| {
            replay(run[0], through, weights, ms, vs);
        });
    }
    // All rows: blocks of them, each with its part of the moments.
    let through = state[STEP];
    let len = p.rows as usize * units;
    let block = 64 * units;
    let moments =
        first_moments[..len].chunks_mut(block).zip(second_moments[..len].chunks_mut(block));
    let mut blocks: Vec<_> = weights[..len].chunks_mut(block).zip(moments).collect();
    let count = blocks.len();
    for_costly_rows(&mut blocks, 1, block.min(len / count.max(1)), |first, blocks| {
        for (i, (weights, (ms, vs))) in blocks.iter_mut().enumerate() {
            let row = p.first + ((first + i) * 64) as u32;
            let rows = weights.chunks_exact_mut(units).zip(ms.chunks_exact_mut(units));
            for (j, ((weights, ms), vs)) in rows.zip(vs.chunks_exact_mut(units)).enumerate() {
                replay(row + j as u32, through, weights, ms, vs);
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, rows, units, b]: Sizes) -> Dispatch {
    let positions = a * b;
    c.moves(2 * positions);
    let [first, held] = c.piece(rows, b);
    let [ids, _] = c.sorted_pairs(positions, rows);
    let all = b % 2;
    // Half of the rows have never had a gradient.
    let moments = |c: &mut Case, low: f32| {
        let fresh = |i: usize| (i / units) % 2 == 1;
        c.draw(held * units, |rng, i| if fresh(i) { 0.0 } else { rng.random_range(low..1.0) })
    };
    let (first_moments, second_moments) = (moments(c, -1.0), moments(c, 1e-3));
    // Up to forty steps have been missed.
    let (step, missed) = (9_000, if c.is_bench() { 0 } else { 40 });
    let steps = (0..rows).map(|_| step - c.rng.random_range(0..=missed)).collect();
    let rates = (0..RATES).map(|i| 1e-3 + i as f32 * 1e-7).collect();
    let bindings = Bindings {
        state: c.words(vec![0, step, 0, step + 1, 0, 0, 0, 0]),
        rates: c.reals(rates),
        sorted_ids: c.words(ids),
        steps: c.words(steps),
        weights: c.random(held * units, 1.0),
        first_moments,
        second_moments,
    };
    c.expect(bindings.weights, summed(40));
    c.expect(bindings.first_moments, summed(40));
    c.expect(bindings.second_moments, summed(40));
    let params = Params {
        positions: if all == 1 { held } else { positions } as u32,
        units: units as u32,
        first: first as u32,
        rows: held as u32,
        all: all as u32,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-7,
    };
    dispatch(params, bindings)
}
