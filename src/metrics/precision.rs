//! Precision: the share of right answers among those of a class, `tp / (tp + fp)`
//! (`sklearn.metrics.precision_score`).
//!
//! A score with nothing to divide by is 0, scikit-learn's `zero_division=0` (which it warns of).

use super::{Average, Counts, Entry, Metric, Predictions};
use crate::error::Result;

/// Precision of class 1, or averaged over classes (or labels).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Precision {
    /// Class 1 of two, or how classes are averaged.
    pub average: Average,
}

pub(super) const ENTRY: Entry = Entry {
    names: &["precision", "precision_micro", "precision_macro", "precision_weighted"],
    argument: None,
    make: |name, _| Ok(Box::new(Precision { average: Average::of_name(name) })),
};

impl Metric for Precision {
    fn name(&self) -> String {
        self.average.name("precision")
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        self.average.check("precision", predictions)?;
        Ok(predictions.answers(&self.name())?.average(Counts::precision, self.average))
    }
}
