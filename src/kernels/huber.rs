//! Huber's loss (1964), through the output's activation: loss and gradient in one kernel.
//!
//! With p = activation(z), e = p - y: loss `e^2 / 2` where `|e| <= delta`, else `delta (|e| - delta / 2)`; gradient by z
//! `clamp(e, -delta, delta) activation'(p) / (rows outputs)`.

use super::Real;
#[cfg(feature = "unstable")]
use super::case::*;
use super::elementwise_loss::{Elements, elementwise_loss};

elementwise_loss! {
    name: "huber",
    params: {
        /// [`super::Activation::code`] of the output.
        activation: u32 = |slot| (slot % 4) as u32,
        /// Where the square turns into a line.
        delta: f32 = |_| 0.75,
    },
    source: [wgsl!("shared/activation.wgsl"), wgsl!("huber.wgsl"), wgsl!("shared/each_term.wgsl")],
    reference: reference,
    case: { logits: 3.0, targets: |c, count| c.random(count, 1.0), },
    benches: [("256 x 1024", [256, 1024, 1, 0])],
}

#[inline(always)]
pub(super) fn loss<T: Real>(p: T, y: T, delta: T) -> T {
    let (e, half) = ((p - y).abs(), T::from_f32(0.5));
    if e > delta { delta * (e - half * delta) } else { half * e * e }
}

/// Written so that a NaN stays one.
#[inline(always)]
pub(super) fn derivative<T: Real>(p: T, y: T, delta: T) -> T {
    let e = p - y;
    if e > delta {
        delta
    } else if e < -delta {
        -delta
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
    let (size, delta) = ([p.rows, p.outputs, p.groups], T::from_f32(p.delta));
    Elements { size, state, logits, targets, weights: None, d_logits, history }.of_answers(
        p.activation,
        1.0,
        #[inline(always)]
        |p, y| loss(p, y, delta),
        #[inline(always)]
        |p, y| derivative(p, y, delta),
    );
}
