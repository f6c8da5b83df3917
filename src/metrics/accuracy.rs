//! Accuracy: the share of rows that were answered rightly (`sklearn.metrics.accuracy_score`).
//!
//! Of labels, a row is right when all of its labels are (subset accuracy).

use super::{Entry, Metric, Predictions};
use crate::error::Result;

/// Share of right rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Accuracy;

pub(super) const ENTRY: Entry =
    Entry { names: &["accuracy"], argument: None, make: |_, _| Ok(Box::new(Accuracy)) };

impl Metric for Accuracy {
    fn name(&self) -> String {
        "accuracy".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        Ok(predictions.answers("accuracy")?.accuracy())
    }
}
