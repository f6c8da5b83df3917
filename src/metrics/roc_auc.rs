//! Area under the receiver operating characteristic: the chance that a row of the class scores higher
//! than a row of another, ties counted half (`sklearn.metrics.roc_auc_score`).
//!
//! `roc_auc`: two classes, or the mean over labels. `roc_auc_ovr`, `roc_auc_ovr_weighted`: also
//! several classes, each against the rest, averaged plainly or by its rows. Of rows of one class alone
//! it is undefined (scikit-learn: NaN), and so it is for several classes of which one has no rows
//! (scikit-learn: an error): an error here. A label without rows weighs nothing in
//! `roc_auc_ovr_weighted`, which is 0 where no label has rows, as there.

use super::predictions::Positives;
use super::{Average, Entry, Metric, Predictions};
use crate::error::{Error, Result};

/// Area under the ROC curve.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RocAuc {
    /// [`Average::Binary`]: two classes or labels (mean); [`Average::Macro`] and
    /// [`Average::Weighted`]: each class against the rest. There is no micro average.
    pub average: Average,
}

pub(super) const ENTRY: Entry = Entry {
    names: &["roc_auc", "roc_auc_ovr", "roc_auc_ovr_weighted"],
    argument: None,
    make: |name, _| {
        let average = match name {
            "roc_auc_ovr" => Average::Macro,
            name => Average::of_name(name),
        };
        Ok(Box::new(RocAuc { average }))
    },
};

impl Metric for RocAuc {
    fn name(&self) -> String {
        match self.average {
            Average::Binary => "roc_auc",
            Average::Micro => "roc_auc_ovr_micro",
            Average::Macro => "roc_auc_ovr",
            Average::Weighted => "roc_auc_ovr_weighted",
        }
        .to_owned()
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        let name = self.name();
        if self.average == Average::Micro {
            return Err(Error::usage("ROC AUC has no micro average; choose macro or weighted"));
        }
        if predictions.is_binary() {
            return area(predictions.positives(&name, 1)?, 1);
        }
        let classes = predictions.classes();
        if !predictions.is_multilabel() {
            if self.average == Average::Binary {
                return Err(Error::usage(format!(
                    "roc_auc is of two classes, but there are {classes}; choose roc_auc_ovr or roc_auc_ovr_weighted"
                )));
            }
            // scikit-learn's check, and its bounds (those of numpy.allclose).
            for (row, outputs) in predictions.outputs().chunks_exact(classes).enumerate() {
                let sum: f64 = outputs.iter().sum();
                if (1.0 - sum).abs() > 1e-8 + 1e-5 * sum.abs() {
                    return Err(Error::usage(format!(
                        "{name} needs probabilities, but the outputs of row {row} sum to {sum}; end the model in a softmax"
                    )));
                }
            }
        }
        let (mut sum, mut total) = (0.0, 0);
        for class in 0..classes {
            let positives = predictions.positives(&name, class)?;
            let weight = match self.average {
                Average::Weighted => positives.count,
                _ => 1,
            };
            if weight > 0 || !predictions.is_multilabel() {
                sum += weight as f64 * area(positives, class)?;
            }
            total += weight;
        }
        Ok(if total == 0 { 0.0 } else { sum / total as f64 })
    }
}

/// Pairs of a row of the class and a row of another where the first scores higher, over all pairs.
fn area(positives: Positives, class: usize) -> Result<f64> {
    let Positives { mut rows, count } = positives;
    let others = rows.len() - count;
    if count == 0 || others == 0 {
        let what = if count == 0 { "no row" } else { "every row" };
        return Err(Error::usage(format!(
            "ROC AUC is undefined: {what} of {} is of class (or label) {class}; give rows of both",
            rows.len()
        )));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Twice the number of pairs, so that ties stay whole numbers.
    let (mut twice, mut below) = (0u128, 0u128);
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let right = tied.iter().filter(|(_, right)| *right).count() as u128;
        let wrong = tied.len() as u128 - right;
        twice += right * (2 * below + wrong);
        below += wrong;
    }
    Ok(twice as f64 / (2 * count as u128 * others as u128) as f64)
}
