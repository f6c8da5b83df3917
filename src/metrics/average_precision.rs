//! Average precision: precision at every threshold, weighted by the recall it adds,
//! `sum_n (R_n - R_(n-1)) P_n` (`sklearn.metrics.average_precision_score`, without interpolation).
//!
//! Two classes: that of class 1; several classes or labels: the plain mean over them. Without rows of
//! the class it is 0 (scikit-learn: 0, with a warning); of several classes each must have rows, as
//! there.

use super::predictions::Positives;
use super::{Entry, Metric, Predictions};
use crate::error::{Error, Result};

/// Area under the steps of the precision-recall curve.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AveragePrecision;

pub(super) const ENTRY: Entry = Entry {
    names: &["average_precision"],
    argument: None,
    make: |_, _| Ok(Box::new(AveragePrecision)),
};

impl Metric for AveragePrecision {
    fn name(&self) -> String {
        "average_precision".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        let name = "average_precision";
        if predictions.is_binary() {
            return Ok(steps(predictions.positives(name, 1)?));
        }
        let classes = predictions.classes();
        let mut sum = 0.0;
        for class in 0..classes {
            let positives = predictions.positives(name, class)?;
            if positives.count == 0 && !predictions.is_multilabel() {
                return Err(Error::usage(format!(
                    "average_precision is undefined: no row of {} is of class {class}; give rows of every class",
                    predictions.rows()
                )));
            }
            sum += steps(positives);
        }
        Ok(sum / classes as f64)
    }
}

fn steps(positives: Positives) -> f64 {
    let Positives { mut rows, count } = positives;
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut sum, mut right, mut answered) = (0.0, 0, 0);
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let more = tied.iter().filter(|(_, right)| *right).count();
        right += more;
        answered += tied.len();
        sum += more as f64 * (right as f64 / answered as f64);
    }
    if count == 0 { 0.0 } else { sum / count as f64 }
}
