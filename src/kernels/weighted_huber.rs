//! Huber's loss with a weight for each row: see [`super::huber`] and `elementwise_loss.rs`.

use super::Real;
#[cfg(feature = "unstable")]
use super::case::*;
use super::elementwise_loss::{Elements, elementwise_loss};
use super::huber::{derivative, loss};

elementwise_loss! {
    name: "weighted_huber",
    params: {
        /// [`super::Activation::code`] of the output.
        activation: u32 = |slot| (slot % 4) as u32,
        /// Where the square turns into a line.
        delta: f32 = |_| 0.75,
    },
    weights: weights,
    source: [wgsl!("shared/activation.wgsl"), wgsl!("huber.wgsl"), wgsl!("shared/each_term.wgsl")],
    reference: reference,
    case: { logits: 3.0, targets: |c, count| c.random(count, 1.0), },
    benches: [("256 x 784", [256, 784, 1, 0])],
}

fn reference<T: Real>(
    p: &Params,
    state: &mut [u32],
    logits: &[T],
    targets: &[T],
    weights: &[T],
    d_logits: &mut [T],
    history: &mut [T],
) {
    let (size, delta) = ([p.rows, p.outputs, p.groups], T::from_f32(p.delta));
    let weights = Some(weights);
    Elements { size, state, logits, targets, weights, d_logits, history }.of_answers(
        p.activation,
        1.0,
        #[inline(always)]
        |p, y| loss(p, y, delta),
        #[inline(always)]
        |p, y| derivative(p, y, delta),
    );
}
