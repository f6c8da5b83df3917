//! Binary cross-entropy from logits: loss, gradient and accuracy in one kernel.
//!
//! Loss `max(z, 0) - z y + ln(1 + e^-|z|)`, gradient `(sigmoid(z) - y) / (rows outputs)`; right
//! when z > 0 where y > 0.5, element by element, as Keras' `binary_accuracy`.

use super::state::{BATCH_SLOT, advance};
use super::{Real, sum, vectorised};

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
    twin: twin,
}

/// Workgroups among which a loss over `count` elements is shared: at most 64, with 4,096
/// elements or more each.
pub fn groups(count: usize) -> usize {
    (count / 4096).clamp(1, 64)
}

fn twin<T: Real>(
    p: &Params,
    state: &mut [u32],
    logits: &[T],
    targets: &[T],
    d_logits: &mut [T],
    history: &mut [T],
) {
    let count = (p.rows * p.outputs) as usize;
    let scale = T::ONE / T::from_usize(count);
    let stretch = count.div_ceil(p.groups as usize);
    let history = &mut history[(state[BATCH_SLOT] * p.groups * 2) as usize..];
    for (group, totals) in history.chunks_exact_mut(2).take(p.groups as usize).enumerate() {
        let start = (group * stretch).min(count);
        let range = start..(start + stretch).min(count);
        let (logits, targets) = (&logits[range.clone()], &targets[range.clone()]);
        let d_logits = &mut d_logits[range];
        let pairs = || logits.iter().copied().zip(targets.iter().copied());
        vectorised(|| {
            for (d, (z, y)) in d_logits.iter_mut().zip(pairs()) {
                *d = (z.sigmoid() - y) * scale;
            }
        });
        vectorised(|| {
            totals[0] = sum(logits.len(), |i| {
                let (z, y) = (logits[i], targets[i]);
                z.max(T::ZERO) - z * y + (-z.abs()).exp().ln_1p()
            });
        });
        let half = T::from_f32(0.5);
        totals[1] = T::from_usize(pairs().filter(|&(z, y)| (z > T::ZERO) == (y > half)).count());
    }
    advance(state, p.rows);
}
