//! Mean absolute error with a weight for each row: see [`super::mae`] and `elementwise_loss.rs`.

use super::Real;
#[cfg(feature = "unstable")]
use super::case::*;
use super::elementwise_loss::{Elements, elementwise_loss};
use super::mae::{derivative, loss};

elementwise_loss! {
    name: "weighted_mae",
    params: {
        /// [`super::Activation::code`] of the output.
        activation: u32 = |slot| (slot % 4) as u32,
    },
    weights: weights,
    source: [wgsl!("shared/activation.wgsl"), wgsl!("mae.wgsl"), wgsl!("shared/each_term.wgsl")],
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
    let size = [p.rows, p.outputs, p.groups];
    let weights = Some(weights);
    Elements { size, state, logits, targets, weights, d_logits, history }.of_answers(
        p.activation,
        1.0,
        loss,
        derivative,
    );
}
