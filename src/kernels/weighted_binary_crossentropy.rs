//! Binary cross-entropy from logits with a weight for each row: see [`super::binary_crossentropy`] and
//! `elementwise_loss.rs`.

use super::Real;
use super::binary_crossentropy::terms;
#[cfg(feature = "unstable")]
use super::case::*;
use super::elementwise_loss::{Elements, elementwise_loss};

elementwise_loss! {
    name: "weighted_binary_crossentropy",
    params: {},
    weights: weights,
    source: [wgsl!("binary_crossentropy.wgsl"), wgsl!("shared/each_term.wgsl")],
    reference: reference,
    case: { logits: 40.0, targets: |c, count| c.classes(count, 2), },
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
    Elements { size, state, logits, targets, weights, d_logits, history }.of_blocks(1.0, terms);
}
