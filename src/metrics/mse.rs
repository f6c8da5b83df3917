//! Mean squared error: `mean (target - output)^2` of each output, averaged over outputs
//! (`sklearn.metrics.mean_squared_error`).

use super::{Entry, Metric, Predictions};
use crate::error::Result;

/// Mean of squared errors, in the target's unit squared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mse;

pub(super) const ENTRY: Entry =
    Entry { names: &["mse"], argument: None, make: |_, _| Ok(Box::new(Mse)) };

impl Mse {
    /// That of each output (`multioutput="raw_values"`), `[width]`.
    ///
    /// # Errors
    /// Where targets are class numbers of several outputs.
    pub fn each_output(&self, predictions: &Predictions<'_>) -> Result<Vec<f64>> {
        predictions.mean_errors("mse", |error| error * error)
    }
}

impl Metric for Mse {
    fn name(&self) -> String {
        "mse".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        let each = self.each_output(predictions)?;
        Ok(each.iter().sum::<f64>() / each.len() as f64)
    }
}
