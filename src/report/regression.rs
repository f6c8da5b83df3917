//! How far a regression's answers are from the truth.

use serde::Serialize;

/// Errors over all rows and outputs, in the target's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RegressionReport {
    /// Mean squared error.
    pub mse: f64,
    /// Its root.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Share of the truth's variance that the answers explain; 0 where it has none.
    pub r2: f64,
}

impl RegressionReport {
    /// Compares answers with the truth.
    pub fn new(truth: &[f64], answers: &[f64]) -> RegressionReport {
        let count = truth.len().max(1) as f64;
        let errors = || truth.iter().zip(answers).map(|(truth, answer)| truth - answer);
        let mse = errors().map(|error| error * error).sum::<f64>() / count;
        let mean = truth.iter().sum::<f64>() / count;
        let variance = truth.iter().map(|t| (t - mean) * (t - mean)).sum::<f64>() / count;
        RegressionReport {
            mse,
            rmse: mse.sqrt(),
            mae: errors().map(f64::abs).sum::<f64>() / count,
            r2: if variance > 0.0 { 1.0 - mse / variance } else { 0.0 },
        }
    }
}

impl std::fmt::Display for RegressionReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let RegressionReport { mse, rmse, mae, r2 } = self;
        write!(f, "MSE {mse:.6}  RMSE {rmse:.6}  MAE {mae:.6}  R2 {r2:.4}")
    }
}
