//! `mae`: the mean of |p - y| over rows and outputs, p the activated output: L1. Rows that are far off pull no harder than
//! others, and pictures get sharper edges than by `mse`, whose answer where several are possible is their mean.

use super::{LossAt, Objective};
use crate::kernels::{Dispatch, mae, weighted_mae};
use crate::layers::Activation;

pub(super) struct Mae;

impl Objective for Mae {
    fn name(&self) -> &'static str {
        "mae"
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
            return Some(weighted_mae::dispatch(
                weighted_mae::Params { rows, outputs, groups, activation },
                weighted_mae::Bindings { state, logits, targets, weights, d_logits, history },
            ));
        }
        Some(mae::dispatch(
            mae::Params { rows, outputs, groups, activation },
            mae::Bindings { state, logits, targets, d_logits, history },
        ))
    }
}
