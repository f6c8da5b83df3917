//! `mse`: the mean of (p - y)^2 over rows and outputs, p the activated output.

use super::{LossAt, Objective};
use crate::kernels::{Dispatch, mse, small_steps};
use crate::layers::Activation;

pub(super) struct Mse;

impl Objective for Mse {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn goes_with(&self, activation: Activation) -> bool {
        activation != Activation::Softmax
    }

    fn record(&self, at: &LossAt) -> Option<Dispatch> {
        let LossAt { rows, outputs, groups, .. } = *at;
        let LossAt { state, logits, targets, d_logits, history, .. } = *at;
        Some(mse::dispatch(
            mse::Params { rows, outputs, groups, activation: at.activation.code() },
            mse::Bindings { state, logits, targets, d_logits, history },
        ))
    }

    fn as_small(&self) -> Option<small_steps::Loss> {
        Some(small_steps::Loss::Mse)
    }
}
