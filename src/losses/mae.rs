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

    of_errors! { mae, weighted_mae }
}
