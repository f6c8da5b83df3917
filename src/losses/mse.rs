//! `mse`: the mean of (p - y)^2 over rows and outputs, p the activated output.

use super::{LossAt, Objective};
use crate::kernels::{Dispatch, mse, small_steps, weighted_mse};
use crate::layers::Activation;

pub(super) struct Mse;

impl Objective for Mse {
    fn name(&self) -> &'static str {
        "mse"
    }

    of_errors! { mse, weighted_mse }

    fn as_small(&self) -> Option<small_steps::Loss> {
        Some(small_steps::Loss::Mse)
    }
}
