//! Binary cross-entropy from logits: loss, gradient and accuracy in one kernel.
//!
//! Loss `max(z, 0) - z y + ln(1 + e^-|z|)`, gradient `(sigmoid(z) - y) / (rows outputs)`; right
//! when z > 0 where y > 0.5, element by element, as Keras' `binary_accuracy`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::elementwise_loss::elementwise_loss;
pub use super::elementwise_loss::groups;
use super::state::{BATCH_SLOT, advance};
use super::{Real, for_stretches, sum, vectorised};

elementwise_loss! {
    name: "binary_crossentropy",
    params: {},
    source: [wgsl!("binary_crossentropy.wgsl"), wgsl!("shared/each_term.wgsl")],
    reference: reference,
    // Large enough to overflow a careless formula.
    case: { logits: 40.0, targets: |c, count| c.classes(count, 2), },
    benches: [("256 x 784", [256, 784, 1, 0])],
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
