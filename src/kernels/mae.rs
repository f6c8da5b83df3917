//! Mean absolute error through the output's activation: loss and gradient in one kernel.
//!
//! With p = activation(z), e = p - y: loss `|e|`; gradient by z `sign(e) activation'(p) / (rows outputs)`, 0 where e is 0.

use super::Real;
#[cfg(feature = "unstable")]
use super::case::*;
use super::elementwise_loss::{Elements, elementwise_loss};

elementwise_loss! {
    name: "mae",
    params: {
        /// [`super::Activation::code`] of the output.
        activation: u32 = |slot| (slot % 4) as u32,
    },
    source: [wgsl!("shared/activation.wgsl"), wgsl!("mae.wgsl"), wgsl!("shared/each_term.wgsl")],
    reference: reference,
    case: { logits: 3.0, targets: |c, count| c.random(count, 1.0), },
    benches: [("256 x 1024", [256, 1024, 1, 0])],
}

#[inline(always)]
pub(super) fn loss<T: Real>(p: T, y: T) -> T {
    (p - y).abs()
}

/// The error's sign; 0 stays, and so does what is no number.
#[inline(always)]
pub(super) fn derivative<T: Real>(p: T, y: T) -> T {
    let e = p - y;
    if e > T::ZERO {
        T::ONE
    } else if e < T::ZERO {
        -T::ONE
    } else {
        e
    }
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
        1.0,
        loss,
        derivative,
    );
}
