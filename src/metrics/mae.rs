//! Mean absolute error: `mean |target - output|` of each output, averaged over outputs
//! (`sklearn.metrics.mean_absolute_error`).

use super::{Entry, Metric, Predictions};
use crate::error::Result;

/// Mean of absolute errors, in the target's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mae;

pub(super) const ENTRY: Entry =
    Entry { names: &["mae"], argument: None, make: |_, _| Ok(Box::new(Mae)) };

impl Mae {
    /// That of each output (`multioutput="raw_values"`), `[width]`.
    ///
    /// # Errors
    /// Where targets are class numbers of several outputs.
    pub fn each_output(&self, predictions: &Predictions<'_>) -> Result<Vec<f64>> {
        predictions.mean_errors("mae", f64::abs)
    }
}

impl Metric for Mae {
    fn name(&self) -> String {
        "mae".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        let each = self.each_output(predictions)?;
        Ok(each.iter().sum::<f64>() / each.len() as f64)
    }
}
