//! `mse`: the mean of (p - y)^2 over rows and outputs, p the activated output.

use super::{LossAt, Objective};
use crate::kernels::{Dispatch, mse, small_steps, weighted_mse};
use crate::layers::Activation;

pub(super) struct Mse;

impl Objective for Mse {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn goes_with(&self, activation: Activation) -> bool {
        activation != Activation::Softmax
    }

    fn is_of_errors(&self) -> bool {
        true
    }

    fn record(&self, at: &LossAt) -> Option<Dispatch> {
        let LossAt { rows, outputs, groups, .. } = *at;
        let LossAt { state, logits, targets, d_logits, history, .. } = *at;
        let activation = at.activation.code();
        if let Some(weights) = at.weights {
            return Some(weighted_mse::dispatch(
                weighted_mse::Params { rows, outputs, groups, activation },
                weighted_mse::Bindings { state, logits, targets, weights, d_logits, history },
            ));
        }
        Some(mse::dispatch(
            mse::Params { rows, outputs, groups, activation },
            mse::Bindings { state, logits, targets, d_logits, history },
        ))
    }

    fn as_small(&self) -> Option<small_steps::Loss> {
        Some(small_steps::Loss::Mse)
    }
}
