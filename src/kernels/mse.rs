//! Mean squared error, through the output's activation: loss and gradient in one kernel.
//!
//! With p = activation(z): loss `(p - y)^2`, gradient by z
//! `2 (p - y) activation'(p) / (rows outputs)`.

use super::Real;
#[cfg(feature = "unstable")]
use super::case::*;
use super::elementwise_loss::{Elements, elementwise_loss};

elementwise_loss! {
    name: "mse",
    params: {
        /// [`super::Activation::code`] of the output.
        activation: u32 = |slot| (slot % 4) as u32,
    },
    source: [wgsl!("shared/activation.wgsl"), wgsl!("mse.wgsl"), wgsl!("shared/each_term.wgsl")],
    reference: reference,
    case: { logits: 3.0, targets: |c, count| c.random(count, 1.0), },
    benches: [("256 x 784", [256, 784, 1, 0])],
}

#[inline(always)]
pub(super) fn loss<T: Real>(p: T, y: T) -> T {
    (p - y) * (p - y)
}

/// Without the factor 2.
#[inline(always)]
pub(super) fn derivative<T: Real>(p: T, y: T) -> T {
    p - y
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
    Elements { size, state, logits, targets, weights: None, d_logits, history }.of_answers(
        p.activation,
        2.0,
        loss,
        derivative,
    );
}
