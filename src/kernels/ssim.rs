//! Errors of pictures and what their structural similarity lacks to 1 (Wang, Bovik, Sheikh and Simoncelli 2004), through the
//! output's activation: loss and gradient, of windows that [`super::ssim_windows`] has gone over.
//!
//! With p = activation(z), e = p - y, a row being a picture `[height, width, channels]`: the mean over elements of `e^2`, or `|e|`
//! where `absolute`, plus `weight` times the mean over windows of `1 - S`; gradient by z, for an element that the windows w see,
//! `(2 e / elements - weight / windows (the sum over w of a + b y + c p)) activation'(p)`, with `sign(e)` for `2 e` where `absolute`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::elementwise_loss::{Elements, elementwise_loss};
use super::ssim_windows::{NUMBERS, WINDOW};
use super::{Real, mae};

elementwise_loss! {
    name: "ssim",
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
    windows: windows,
    source: [wgsl!("shared/activation.wgsl"), wgsl!("ssim.wgsl")],
    loop_iterations: |p| (p.rows as u64 * p.outputs as u64).div_ceil(256 * p.groups.max(1) as u64) * 57,
    reference: reference,
    case: { logits: 3.0, targets: |c, count| c.random(count, 1.0), },
    benches: [("256 x 28x28", [256, 784, 1, 0])],
}

/// What the similarity of pictures weighs.
pub(super) struct Pictures<T> {
    pub width: u32,
    pub channels: u32,
    pub weight: T,
    pub absolute: bool,
}

impl<T: Real> Pictures<T> {
    /// Loss and gradient, of the windows that [`super::ssim_windows`] gave.
    pub fn losses(&self, activation: u32, windows: &[T], elements: Elements<'_, T>) {
        let (outputs, targets) = (elements.size[1] as usize, elements.targets);
        let [width, channels] = [self.width, self.channels].map(|n| n as usize);
        let line = width * channels;
        // Windows along each axis: none of a picture that is smaller.
        let [down, across] = [outputs / line, width].map(|n| (n + 1).saturating_sub(WINDOW));
        let of_picture = (down * across * channels).max(1);
        let share = self.weight * T::from_usize(outputs) / T::from_usize(of_picture);
        let half = T::from_f32(0.5);
        elements.of_neighbours(activation, 2.0, |answers, i| {
            let (p, y) = (answers[i], targets[i]);
            let place = i % outputs;
            let (row, column) = (place / line, place % line / channels);
            let mut pull = [T::ZERO; 3];
            for top in (row + 1).saturating_sub(WINDOW)..(row + 1).min(down) {
                for left in (column + 1).saturating_sub(WINDOW)..(column + 1).min(across) {
                    let window = i - (row - top) * line - (column - left) * channels;
                    let by = &windows[window * NUMBERS + 1..][..3];
                    pull.iter_mut().zip(by).for_each(|(pull, &by)| *pull += by);
                }
            }
            let e = p - y;
            let (mut loss, own) = match self.absolute {
                true => (e.abs(), half * mae::derivative(p, y)),
                false => (e * e, e),
            };
            if row < down && column < across {
                loss += share * (T::ONE - windows[i * NUMBERS]);
            }
            (loss, own - half * share * (pull[0] + pull[1] * y + pull[2] * p))
        });
    }
}

fn reference<T: Real>(
    p: &Params,
    state: &mut [u32],
    logits: &[T],
    targets: &[T],
    windows: &[T],
    d_logits: &mut [T],
    history: &mut [T],
) {
    let &Params { rows, outputs, groups, activation, width, channels, weight, absolute } = p;
    let (size, weight, absolute) = ([rows, outputs, groups], T::from_f32(weight), absolute == 1);
    let elements = Elements { size, state, logits, targets, weights: None, d_logits, history };
    Pictures { width, channels, weight, absolute }.losses(activation, windows, elements);
}
