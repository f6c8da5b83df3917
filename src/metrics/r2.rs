//! R2, the coefficient of determination: `1 - sum (target - output)^2 / sum (target - mean)^2` of each
//! output, averaged plainly over outputs (`sklearn.metrics.r2_score`, `uniform_average`).
//!
//! An output whose target is constant has 1 where every answer is right, else 0 (scikit-learn's
//! `force_finite`). Of one row it is undefined (scikit-learn: NaN): an error here.

use super::{Entry, Metric, Predictions};
use crate::error::{Error, Result};

/// Share of the targets' variance that the outputs explain: 1 at best, 0 for their mean, no bound below.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct R2;

pub(super) const ENTRY: Entry =
    Entry { names: &["r2"], argument: None, make: |_, _| Ok(Box::new(R2)) };

impl R2 {
    /// That of each output (`multioutput="raw_values"`), `[width]`.
    ///
    /// # Errors
    /// Where targets are class numbers of several outputs, and for less than two rows.
    pub fn each_output(&self, predictions: &Predictions<'_>) -> Result<Vec<f64>> {
        let (_, targets) = predictions.values("r2")?;
        let (rows, width) = (predictions.rows(), predictions.width());
        if rows < 2 {
            return Err(Error::usage("R2 of one row is undefined; give at least two rows"));
        }
        let errors = predictions.mean_errors("r2", |error| error * error)?;
        let of = |(output, error): (usize, f64)| {
            let targets = || targets.iter().skip(output).step_by(width).copied();
            let mean = targets().sum::<f64>() / rows as f64;
            // A constant is told by its values: its mean is rounded, so its variance may not be 0.
            let constant = targets().zip(targets().skip(1)).all(|(one, next)| one == next);
            let variance = targets().map(|t| (t - mean) * (t - mean)).sum::<f64>() / rows as f64;
            match (error == 0.0, constant || variance == 0.0) {
                (true, _) => 1.0,
                (false, true) => 0.0,
                (false, false) => 1.0 - error / variance,
            }
        };
        Ok(errors.into_iter().enumerate().map(of).collect())
    }
}

impl Metric for R2 {
    fn name(&self) -> String {
        "r2".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        let each = self.each_output(predictions)?;
        Ok(each.iter().sum::<f64>() / each.len() as f64)
    }
}
