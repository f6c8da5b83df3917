//! Binary cross-entropy from logits: loss, gradient and accuracy in one kernel.
//!
//! Loss `max(z, 0) - z y + ln(1 + e^-|z|)`, gradient `(sigmoid(z) - y) / (rows outputs)`; right
//! when z > 0 where y > 0.5, element by element, as Keras' `binary_accuracy`.

#[cfg(feature = "unstable")]
use super::case::*;
pub use super::elementwise_loss::groups;
use super::elementwise_loss::{BLOCK, elementwise_loss};
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
        let (mut total, mut right) = (T::ZERO, 0);
        let blocks = logits.chunks(BLOCK).zip(targets.chunks(BLOCK));
        for ((logits, targets), d_logits) in blocks.zip(d_logits.chunks_mut(BLOCK)) {
            let mut losses = [T::ZERO; BLOCK];
            let losses = &mut losses[..logits.len()];
            right += terms(logits, targets, losses, d_logits);
            vectorised(
                #[inline(always)]
                || {
                    d_logits.iter_mut().for_each(|d| *d *= scale);
                    total += sum(losses, logits, |loss, _| loss);
                },
            );
        }
        totals.copy_from_slice(&[total, T::from_usize(right as usize)]);
    });
    advance(state, p.rows);
}
/// The loss of each element and its derivative by the logit; how many answers are right.
pub(super) fn terms<T: Real>(
    logits: &[T],
    targets: &[T],
    losses: &mut [T],
    derivatives: &mut [T],
) -> u32 {
    let half = T::from_f32(0.5);
    let mut right = 0;
    vectorised(
        #[inline(always)]
        || {
            // A loop each, so that each vectorises.
            for ((d, &z), &y) in derivatives.iter_mut().zip(logits).zip(targets) {
                *d = z.sigmoid() - y;
            }
            for ((loss, &z), &y) in losses.iter_mut().zip(logits).zip(targets) {
                *loss = z.max(T::ZERO) - z * y + (-z.abs()).exp().ln_1p();
            }
            for (&z, &y) in logits.iter().zip(targets) {
                right += u32::from((z > T::ZERO) == (y > half));
            }
        },
    );
    right
}
