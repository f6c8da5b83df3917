//! `negative_sampling` (Mikolov et al. 2013): of word vectors, whose training is a program of its own
//! (`train/words.rs`). A model that has it ends in the mean of its vectors, and is used, not trained on.

use super::{LossAt, Objective};
use crate::kernels::Dispatch;
use crate::layers::Activation;

pub(super) struct NegativeSampling;

impl Objective for NegativeSampling {
    fn name(&self) -> &'static str {
        "negative_sampling"
    }

    fn goes_with(&self, activation: Activation) -> bool {
        activation == Activation::Linear
    }

    fn record(&self, _at: &LossAt) -> Option<Dispatch> {
        None
    }
}
