//! Binary cross-entropy from logits: loss, gradient and accuracy in one kernel.
//!
//! Loss `max(z, 0) - z y + ln(1 + e^-|z|)`, gradient `(sigmoid(z) - y) / (rows outputs)`; right
//! when z > 0 where y > 0.5, element by element, as Keras' `binary_accuracy`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::state::{BATCH_SLOT, advance};
use super::{Real, for_stretches, sum, vectorised};

kernel! {
    name: "binary_crossentropy",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Outputs of a row.
        outputs: u32,
        /// Workgroups, [`groups`].
        groups: u32,
    },
    bindings: {
        /// The counters.
        state: write u32,
        /// `[rows, outputs]`
        logits: read f32,
        /// `[rows, outputs]`, from 0 to 1
        targets: read f32,
        /// `[rows, outputs]`
        d_logits: write f32,
        /// `[slots, groups, 2]`: sum of losses, count of right elements
        history: write f32,
    },
    source: &[
        wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
        wgsl!("shared/reduce.wgsl"), wgsl!("binary_crossentropy.wgsl"),
    ],
    workgroups: |p| [p.groups, 1, 1],
    reference: reference,
    case: case,
    benches: [("256 x 784", [256, 784, 1, 0])],
}

/// Workgroups among which a loss over `count` elements is shared: at most 64, with 4,096
/// elements or more each.
pub fn groups(count: usize) -> usize {
    (count / 4096).clamp(1, 64)
}

fn reference<T: Real>(
    p: &Params,
    state: &mut [u32],
    logits: &[T],
    targets: &[T],
    d_logits: &mut [T],
    history: &mut [T],
) {
    let count = (p.rows * p.outputs) as usize;
    let scale = T::ONE / T::from_usize(count);
    let history = &mut history[(state[BATCH_SLOT] * p.groups * 2) as usize..];
    let d_logits = &mut d_logits[..count];
    for_stretches(d_logits, history, p.groups as usize, |start, d_logits, totals| {
        let logits = logits.get(start..start + d_logits.len()).unwrap_or_default();
        let targets = targets.get(start..start + d_logits.len()).unwrap_or_default();
        const BLOCK: usize = 512;
        let half = T::from_f32(0.5);
        let mut total = [T::ZERO; 2];
        let blocks = logits.chunks(BLOCK).zip(targets.chunks(BLOCK));
        for ((logits, targets), d_logits) in blocks.zip(d_logits.chunks_mut(BLOCK)) {
            // The terms first, in a loop that vectorises; then their sums.
            let mut losses = [T::ZERO; BLOCK];
            let mut rights = [T::ZERO; BLOCK];
            vectorised(
                #[inline(always)]
                || {
                    for ((d, &z), &y) in d_logits.iter_mut().zip(logits).zip(targets) {
                        *d = (z.sigmoid() - y) * scale;
                    }
                    for ((loss, &z), &y) in losses.iter_mut().zip(logits).zip(targets) {
                        *loss = z.max(T::ZERO) - z * y + (-z.abs()).exp().ln_1p();
                    }
                    for ((right, &z), &y) in rights.iter_mut().zip(logits).zip(targets) {
                        *right = if (z > T::ZERO) == (y > half) { T::ONE } else { T::ZERO };
                    }
                    let first = |a: T, _: T| a;
                    total[0] += sum(&losses[..logits.len()], logits, first);
                    total[1] += sum(&rights[..logits.len()], logits, first);
                },
            );
        }
        totals.copy_from_slice(&total);
    });
    advance(state, p.rows);
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, outputs, some, slot]: Sizes) -> Dispatch {
    c.moves(3 * rows * outputs);
    let groups = if c.is_bench() { groups(rows * outputs) } else { some.min(64) };
    let bindings = Bindings {
        state: c.state(5, slot as u32),
        // Large enough to overflow a careless formula.
        logits: c.random(rows * outputs, 40.0),
        targets: c.classes(rows * outputs, 2),
        d_logits: c.output(rows * outputs, EXACT),
        history: c.output((slot + 1) * groups * 2, summed(rows * outputs)),
    };
    c.expect(bindings.state, 0.0);
    let (rows, outputs, groups) = (rows as u32, outputs as u32, groups as u32);
    dispatch(Params { rows, outputs, groups }, bindings)
}
