//! Errors of pictures and their structural similarity with a weight for each row: see [`super::ssim`] and `elementwise_loss.rs`.

use super::Real;
#[cfg(feature = "unstable")]
use super::case::*;
use super::elementwise_loss::{Elements, elementwise_loss};
use super::ssim::Pictures;

elementwise_loss! {
    name: "weighted_ssim",
    params: {
        /// [`super::Activation::code`] of the output.
        activation: u32 = |slot| (slot % 4) as u32,
        /// Columns of a picture.
        width: u32 = |slot| 7 + (slot % 3) as u32,
        /// Numbers of a pixel.
        channels: u32 = |slot| 1 + (slot % 3) as u32,
        /// What similarity weighs beside pixels.
        weight: f32 = |_| 0.75,
        /// 1: the error of a pixel is `|e|`; 0: its square.
        absolute: u32 = |slot| (slot % 2) as u32,
    },
    weights: weights,
    windows: windows,
    source: [wgsl!("shared/activation.wgsl"), wgsl!("ssim.wgsl")],
    loop_iterations: |p| (p.rows as u64 * p.outputs as u64).div_ceil(256 * p.groups.max(1) as u64) * 57,
    reference: reference,
    case: { logits: 3.0, targets: |c, count| c.random(count, 1.0), },
    benches: [("256 x 28x28", [256, 784, 1, 0])],
}

#[allow(clippy::too_many_arguments)]
fn reference<T: Real>(
    p: &Params,
    state: &mut [u32],
    logits: &[T],
    targets: &[T],
    weights: &[T],
    windows: &[T],
    d_logits: &mut [T],
    history: &mut [T],
) {
    let &Params { rows, outputs, groups, activation, width, channels, weight, absolute } = p;
    let (size, weight, absolute) = ([rows, outputs, groups], T::from_f32(weight), absolute == 1);
    let weights = Some(weights);
    let elements = Elements { size, state, logits, targets, weights, d_logits, history };
    Pictures { width, channels, weight, absolute }.losses(activation, windows, elements);
}
