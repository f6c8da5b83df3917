//! Log loss: `-ln` of the probability that was given to what was right, averaged over rows
//! (`sklearn.metrics.log_loss`, with all of the model's classes as its `labels`).
//!
//! Probabilities are held within `eps` to `1 - eps`, `eps` being the precision that they came in
//! (2^-23 for a model's outputs), as there. Probabilities outside 0 to 1 are an error; so are rows that
//! do not sum to one, of which scikit-learn warns. Rows of several labels are read as there: the
//! sum over the labels that hold, for rows that sum to one.

use super::{Entry, Metric, Predictions};
use crate::error::{Error, Result};

/// Mean negative logarithm of the probabilities of what was right, in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogLoss;

pub(super) const ENTRY: Entry =
    Entry { names: &["log_loss"], argument: None, make: |_, _| Ok(Box::new(LogLoss)) };

impl Metric for LogLoss {
    fn name(&self) -> String {
        "log_loss".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        predictions.check_classes("log_loss")?;
        let (width, eps) = (predictions.width(), predictions.epsilon());
        let outputs = predictions.outputs();
        if let Some(at) = outputs.iter().position(|output| !(0.0..=1.0).contains(output)) {
            return Err(Error::usage(format!(
                "log_loss needs probabilities, but output {} of row {} is {}; end the model in a sigmoid or a softmax",
                at % width,
                at / width,
                outputs[at]
            )));
        }
        let loss = |probability: f64| -probability.clamp(eps, 1.0 - eps).ln();
        let targets = predictions.targets();
        let sum: f64 = if width == 1 {
            let of = |(&p, &truth): (&f64, &f64)| loss(if truth == 1.0 { p } else { 1.0 - p });
            outputs.iter().zip(targets).map(of).sum()
        } else {
            let mut sum = 0.0;
            for (row, outputs) in outputs.chunks_exact(width).enumerate() {
                let total: f64 = outputs.iter().sum();
                if (total - 1.0).abs() > 1e-8 + eps.sqrt() {
                    return Err(Error::usage(format!(
                        "log_loss needs probabilities, but those of row {row} sum to {total}; end the model in a softmax"
                    )));
                }
                if predictions.is_multilabel() {
                    let truth = &targets[row * width..][..width];
                    let held = outputs.iter().zip(truth).filter(|(_, truth)| **truth == 1.0);
                    sum += held.map(|(&p, _)| loss(p)).sum::<f64>();
                } else {
                    sum += loss(outputs[targets[row] as usize]);
                }
            }
            sum
        };
        Ok(sum / predictions.rows() as f64)
    }
}
