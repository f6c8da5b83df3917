//! Binary cross-entropy from logits: loss, gradient and accuracy in one kernel.
//!
//! Loss `max(z, 0) - z y + ln(1 + e^-|z|)`, gradient `(sigmoid(z) - y) / (rows outputs)`; right
//! when z > 0 where y > 0.5, element by element, as Keras' `binary_accuracy`.

#[cfg(feature = "unstable")]
use super::case::*;
pub use super::elementwise_loss::groups;
use super::elementwise_loss::{BLOCK, Elements, elementwise_loss};
use super::{Real, sum, vectorised};

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
    let size = [p.rows, p.outputs, p.groups];
    let weights = None;
    Elements { size, state, logits, targets, weights, d_logits, history }.of_blocks(1.0, terms);
}

/// Of [`BLOCK`] elements or fewer: each derivative by the logit times `scale`, the sum of losses, and how many answers are
/// right.
pub(super) fn terms<T: Real>(
    logits: &[T],
    targets: &[T],
    scale: T,
    derivatives: &mut [T],
) -> (T, u32) {
    let half = T::from_f32(0.5);
    let mut losses = [T::ZERO; BLOCK];
    let losses = &mut losses[..logits.len()];
    let mut right = 0;
    let total = vectorised(
        #[inline(always)]
        || {
            // A loop each, so that each vectorises.
            for ((d, &z), &y) in derivatives.iter_mut().zip(logits).zip(targets) {
                *d = (z.sigmoid() - y) * scale;
            }
            for ((loss, &z), &y) in losses.iter_mut().zip(logits).zip(targets) {
                *loss = z.logistic_loss(y);
            }
            for (&z, &y) in logits.iter().zip(targets) {
                right += u32::from((z > T::ZERO) == (y > half));
            }
            sum(losses, logits, |loss, _| loss)
        },
    );
    (total, right)
}
