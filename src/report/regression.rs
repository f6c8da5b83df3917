//! How far a regression's answers are from the truth: metrics of all outputs, as a line.

use serde::Serialize;

use crate::error::Result;
use crate::metrics::{Mae, Metric, Mse, Predictions, R2, Rmse};

/// Errors over all rows, in the targets' own units, averaged over outputs; as
/// [`metrics`](crate::metrics) and scikit-learn define them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RegressionReport {
    /// Mean squared error.
    pub mse: f64,
    /// Its root, of each output.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Share of the truth's variance that the answers explain; of one row there is none.
    pub r2: Option<f64>,
}

impl RegressionReport {
    /// Compares answers with the truth, both `[rows, outputs]`.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) for no rows, lengths that are not as many rows of `outputs`,
    /// NaN and infinity.
    pub fn new(truth: &[f64], answers: &[f64], outputs: usize) -> Result<RegressionReport> {
        let predictions = Predictions::from_f64(answers, outputs, truth, outputs)?;
        Ok(RegressionReport {
            mse: Mse.compute(&predictions)?,
            rmse: Rmse.compute(&predictions)?,
            mae: Mae.compute(&predictions)?,
            r2: if predictions.rows() < 2 { None } else { Some(R2.compute(&predictions)?) },
        })
    }
}

impl std::fmt::Display for RegressionReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let RegressionReport { mse, rmse, mae, r2 } = self;
        write!(f, "MSE {mse:.6}  RMSE {rmse:.6}  MAE {mae:.6}  ")?;
        match r2 {
            Some(r2) => write!(f, "R2 {r2:.4}"),
            None => write!(f, "R2 undefined of one row"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_each_figure() {
        let report = RegressionReport::new(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0], 1);
        // The example of scikit-learn's documentation: MSE 0.375, MAE 0.5, R2 0.948...
        assert_eq!(
            report.expect("a report").to_string(),
            "MSE 0.375000  RMSE 0.612372  MAE 0.500000  R2 0.9486"
        );
        let one = RegressionReport::new(&[3.0], &[2.5], 1).expect("a report");
        assert_eq!(
            one.to_string(),
            "MSE 0.250000  RMSE 0.500000  MAE 0.500000  R2 undefined of one row"
        );
    }

    #[test]
    fn outputs_are_averaged_and_not_pooled() {
        // An example of scikit-learn's documentation: MSE 0.708..., MAE 0.75, R2 0.937.
        let truth = [0.5, 1.0, -1.0, 1.0, 7.0, -6.0];
        let answers = [0.0, 2.0, -1.0, 2.0, 8.0, -5.0];
        let report = RegressionReport::new(&truth, &answers, 2).expect("a report");
        assert!((report.mse - 4.25 / 6.0).abs() < 1e-15);
        assert!((report.mae - 0.75).abs() < 1e-15);
        assert!((report.r2.expect("two rows") - 0.936_800_526_662_277_8).abs() < 1e-15);
        // Each output's root, 0.645... and 1, averaged.
        let roots = ((1.25f64 / 3.0).sqrt() + 1.0) / 2.0;
        assert!((report.rmse - roots).abs() < 1e-15, "{}", report.rmse);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(RegressionReport::new(&[], &[], 1).is_err());
        assert!(RegressionReport::new(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], 2).is_err());
        assert!(RegressionReport::new(&[1.0], &[f64::NAN], 1).is_err());
        assert!(RegressionReport::new(&[1.0], &[1.0], 0).is_err());
    }
}
