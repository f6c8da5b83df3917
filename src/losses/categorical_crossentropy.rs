//! `categorical_crossentropy`: the mean over rows of -sum_j y_j ln p_j, p a softmax, by log-sum-exp. A row's
//! target is the number of its class, or a distribution.

use super::{LossAt, Objective, Smoothing, Weighting};
use crate::kernels::{Dispatch, categorical_crossentropy, small_steps};
use crate::layers::Activation;

pub(super) struct CategoricalCrossentropy;

impl Objective for CategoricalCrossentropy {
    fn name(&self) -> &'static str {
        "categorical_crossentropy"
    }

    fn goes_with(&self, activation: Activation) -> bool {
        activation == Activation::Softmax
    }

    fn has_accuracy(&self) -> bool {
        true
    }

    fn takes_classes(&self) -> bool {
        true
    }

    fn elements(&self, _outputs: usize) -> usize {
        1
    }

    fn groups(&self, rows: usize, outputs: usize) -> usize {
        categorical_crossentropy::groups(rows, outputs)
    }

    fn smoothing(&self) -> Option<Smoothing> {
        Some(Smoothing::Row)
    }

    fn weighting(&self) -> Weighting {
        Weighting::Targets
    }

    fn record(&self, at: &LossAt) -> Option<Dispatch> {
        let LossAt { rows, outputs, groups, .. } = *at;
        let LossAt { state, logits, targets, d_logits, history, .. } = *at;
        Some(categorical_crossentropy::dispatch(
            categorical_crossentropy::Params { rows, outputs, groups, sparse: at.sparse as u32 },
            categorical_crossentropy::Bindings { state, logits, targets, d_logits, history },
        ))
    }

    fn as_small(&self) -> Option<small_steps::Loss> {
        Some(small_steps::Loss::CategoricalCrossentropy)
    }
}
