//! `binary_crossentropy`: the mean over rows and outputs of -y ln p - (1 - y) ln(1 - p), p a sigmoid,
//! from logits: max(z, 0) - z y + ln(1 + e^-|z|).

use super::{LossAt, Objective, Smoothing};
use crate::kernels::{Dispatch, binary_crossentropy, small_steps, weighted_binary_crossentropy};
use crate::layers::Activation;

pub(super) struct BinaryCrossentropy;

impl Objective for BinaryCrossentropy {
    fn name(&self) -> &'static str {
        "binary_crossentropy"
    }

    fn goes_with(&self, activation: Activation) -> bool {
        activation == Activation::Sigmoid
    }

    fn has_accuracy(&self) -> bool {
        true
    }

    fn refuses(&self, target: f32) -> Option<&'static str> {
        let inside = (0.0..=1.0).contains(&target);
        (!inside).then_some("binary_crossentropy takes targets from 0 to 1; scale them or use mse")
    }

    fn smoothing(&self) -> Option<Smoothing> {
        Some(Smoothing::EachOutput)
    }

    fn record(&self, at: &LossAt) -> Option<Dispatch> {
        let LossAt { rows, outputs, groups, .. } = *at;
        let LossAt { state, logits, targets, d_logits, history, .. } = *at;
        if let Some(weights) = at.weights {
            return Some(weighted_binary_crossentropy::dispatch(
                weighted_binary_crossentropy::Params { rows, outputs, groups },
                weighted_binary_crossentropy::Bindings {
                    state,
                    logits,
                    targets,
                    weights,
                    d_logits,
                    history,
                },
            ));
        }
        Some(binary_crossentropy::dispatch(
            binary_crossentropy::Params { rows, outputs, groups },
            binary_crossentropy::Bindings { state, logits, targets, d_logits, history },
        ))
    }

    fn as_small(&self) -> Option<small_steps::Loss> {
        Some(small_steps::Loss::BinaryCrossentropy)
    }
}
