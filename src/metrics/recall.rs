//! Recall: the share of a class's rows that were answered as it, `tp / (tp + fn)`
//! (`sklearn.metrics.recall_score`).
//!
//! A score with nothing to divide by is 0, scikit-learn's `zero_division=0` (which it warns of).

use super::{Average, Counts, Entry, Metric, Predictions};
use crate::error::Result;

/// Recall of class 1, or averaged over classes (or labels).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recall {
    /// Class 1 of two, or how classes are averaged.
    pub average: Average,
}

pub(super) const ENTRY: Entry = Entry {
    names: &["recall", "recall_micro", "recall_macro", "recall_weighted"],
    argument: None,
    make: |name, _| Ok(Box::new(Recall { average: Average::of_name(name) })),
};

impl Metric for Recall {
    fn name(&self) -> String {
        self.average.name("recall")
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        self.average.check("recall", predictions)?;
        Ok(predictions.answers(&self.name())?.average(Counts::recall, self.average))
    }
}
