//! Root mean squared error: the root of each output's `mean (target - output)^2`, averaged over
//! outputs; so with several outputs it is not the root of their MSE
//! (`sklearn.metrics.root_mean_squared_error`).

use super::{Entry, Metric, Predictions};
use crate::error::Result;

/// Root of each output's mean squared error, in the target's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rmse;

pub(super) const ENTRY: Entry =
    Entry { names: &["rmse"], argument: None, make: |_, _| Ok(Box::new(Rmse)) };

impl Rmse {
    /// That of each output (`multioutput="raw_values"`), `[width]`.
    ///
    /// # Errors
    /// Where targets are class numbers of several outputs.
    pub fn each_output(&self, predictions: &Predictions<'_>) -> Result<Vec<f64>> {
        let squares = predictions.mean_errors("rmse", |error| error * error)?;
        Ok(squares.into_iter().map(f64::sqrt).collect())
    }
}

impl Metric for Rmse {
    fn name(&self) -> String {
        "rmse".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        let each = self.each_output(predictions)?;
        Ok(each.iter().sum::<f64>() / each.len() as f64)
    }
}
