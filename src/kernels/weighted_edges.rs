//! Squared error of pictures and of their edges with a weight for each row: see [`super::edges`] and `elementwise_loss.rs`.

use super::Real;
#[cfg(feature = "unstable")]
use super::case::*;
use super::edges::Picture;
use super::elementwise_loss::{Elements, elementwise_loss};

elementwise_loss! {
    name: "weighted_edges",
    params: {
        /// [`super::Activation::code`] of the output.
        activation: u32 = |slot| (slot % 4) as u32,
        /// Columns of a picture.
        width: u32 = |slot| 1 + (slot % 5) as u32,
        /// Numbers of a pixel.
        channels: u32 = |slot| 1 + (slot % 3) as u32,
        /// What edges weigh beside pixels.
        weight: f32 = |_| 0.75,
        /// 1: errors count by their amounts; 0: by their squares.
        absolute: u32 = |slot| (slot / 4 % 2) as u32,
    },
    weights: weights,
    source: [wgsl!("shared/activation.wgsl"), wgsl!("edges.wgsl")],
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
    let &Params { rows, outputs, groups, activation, width, channels, weight, absolute } = p;
    let (size, weight, absolute) = ([rows, outputs, groups], T::from_f32(weight), absolute == 1);
    let weights = Some(weights);
    let elements = Elements { size, state, logits, targets, weights, d_logits, history };
    Picture { width, channels, weight, absolute }.losses(activation, elements);
}
