//! Error of pictures and of their edges, through the output's activation: loss and gradient in one kernel.
//!
//! With p = activation(z), e = p - y, a row being a picture `[height, width, channels]`: an element's loss is
//! `e^2 + weight ((e' - e)^2 + (e'' - e)^2)`, e' and e'' the errors of the pixels to its right and below, where there are such;
//! gradient by z `2 (e + weight (the sum of e less its neighbours' errors)) activation'(p) / (rows outputs)`. The second term
//! is the squared error of the pictures' differences between neighbours: the gradient difference loss of Mathieu, Couprie
//! and LeCun 2016, with squares and signs; where `absolute`, with amounts in place of all squares, and half the sign of each
//! difference in the gradient.

#[cfg(feature = "unstable")]
use super::case::*;
use super::elementwise_loss::{Elements, elementwise_loss};
use super::{Real, mae};

elementwise_loss! {
    name: "edges",
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
    source: [wgsl!("shared/activation.wgsl"), wgsl!("edges.wgsl")],
    reference: reference,
    case: { logits: 3.0, targets: |c, count| c.random(count, 1.0), },
    benches: [("256 x 1024", [256, 1024, 1, 0])],
}

/// What a picture's edges weigh.
pub(super) struct Picture<T> {
    pub width: u32,
    pub channels: u32,
    pub weight: T,
    pub absolute: bool,
}

impl<T: Real> Picture<T> {
    /// Loss and gradient.
    pub fn losses(&self, activation: u32, elements: Elements<'_, T>) {
        let (outputs, targets) = (elements.size[1] as usize, elements.targets);
        let (channels, line) = (self.channels as usize, (self.width * self.channels) as usize);
        let size_of = |step: T| if self.absolute { step.abs() } else { step * step };
        let half = T::from_f32(0.5);
        let pull_of = |step: T| match self.absolute {
            true => half * mae::derivative(step, T::ZERO),
            false => step,
        };
        elements.of_neighbours(activation, 2.0, |answers, i| {
            let error = |i: usize| answers[i] - targets[i];
            let (e, place) = (error(i), i % outputs);
            let column = place % line;
            let (mut loss, mut pull) = (T::ZERO, T::ZERO);
            let mut before = |j: usize| {
                let step = error(j) - e;
                loss += size_of(step);
                pull -= pull_of(step);
            };
            if column + channels < line && place + channels < outputs {
                before(i + channels);
            }
            if place + line < outputs {
                before(i + line);
            }
            if column >= channels {
                pull += pull_of(e - error(i - channels));
            }
            if place >= line {
                pull += pull_of(e - error(i - line));
            }
            (size_of(e) + self.weight * loss, pull_of(e) + self.weight * pull)
        });
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
    let &Params { rows, outputs, groups, activation, width, channels, weight, absolute } = p;
    let (size, weight, absolute) = ([rows, outputs, groups], T::from_f32(weight), absolute == 1);
    let elements = Elements { size, state, logits, targets, weights: None, d_logits, history };
    Picture { width, channels, weight, absolute }.losses(activation, elements);
}
