//! F1: the harmonic mean of precision and recall, `2 tp / (2 tp + fp + fn)`
//! (`sklearn.metrics.f1_score`).
//!
//! A score with nothing to divide by is 0, scikit-learn's `zero_division=0` (which it warns of).

use super::{Average, Counts, Entry, Metric, Predictions};
use crate::error::Result;

/// F1 of class 1, or averaged over classes (or labels).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct F1 {
    /// Class 1 of two, or how classes are averaged.
    pub average: Average,
}

pub(super) const ENTRY: Entry = Entry {
    names: &["f1", "f1_micro", "f1_macro", "f1_weighted"],
    argument: None,
    make: |name, _| Ok(Box::new(F1 { average: Average::of_name(name) })),
};

impl Metric for F1 {
    fn name(&self) -> String {
        self.average.name("f1")
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        self.average.check("f1", predictions)?;
        Ok(predictions.answers(&self.name())?.average(Counts::f1, self.average))
    }
}
