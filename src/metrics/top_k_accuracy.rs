//! Top-k accuracy: the share of rows whose class is among the k largest scores
//! (`sklearn.metrics.top_k_accuracy_score`, with all of the model's classes as its `labels`).
//!
//! Among equal scores the later class ranks first, as there; so with ties `top_k_accuracy:1` may
//! differ from `accuracy`, which answers the first. Two classes: the answer for k = 1 (above 0.5, or
//! above 0 where scores are not within 0 to 1), else 1.

use super::{Entry, Metric, Predictions};
use crate::error::{Error, Result};

/// Share of rows whose class is among the `k` largest scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopKAccuracy {
    /// How many classes a row may answer, from 1.
    pub k: usize,
}

pub(super) const ENTRY: Entry = Entry {
    names: &["top_k_accuracy"],
    argument: Some("K"),
    make: |_, argument| match argument.map(str::parse) {
        Some(Ok(k)) if k > 0 => Ok(Box::new(TopKAccuracy { k })),
        _ => Err(
            "it needs the number of classes that a row may answer, from 1; write top_k_accuracy:5"
                .to_owned(),
        ),
    },
};

impl Metric for TopKAccuracy {
    fn name(&self) -> String {
        format!("top_k_accuracy:{}", self.k)
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
        if self.k == 0 {
            return Err(Error::usage("top_k_accuracy of k = 0 has no answers; give k from 1"));
        }
        predictions.check_classes(&self.name())?;
        if predictions.is_multilabel() {
            return Err(Error::usage(
                "top_k_accuracy is of rows of one class, but a row has several labels; choose average_precision or f1_macro",
            ));
        }
        let (width, rows) = (predictions.width(), predictions.rows());
        let hits = if predictions.is_binary() {
            if self.k > 1 {
                return Ok(1.0);
            }
            let scores = predictions.outputs().iter().skip(width - 1).step_by(width);
            let probabilities = scores.clone().all(|score| (0.0..=1.0).contains(score));
            let threshold = if probabilities { 0.5 } else { 0.0 };
            let answers = scores.map(|&score| score > threshold);
            answers.zip(predictions.targets()).filter(|&(answer, &t)| answer == (t == 1.0)).count()
        } else {
            let outputs = predictions.outputs().chunks_exact(width);
            let hit = |&(row, &truth): &(&[f64], &f64)| {
                let (before, from) = row.split_at(truth as usize);
                let score = from[0];
                let larger = before.iter().filter(|&&other| other > score).count();
                larger + from[1..].iter().filter(|&&other| other >= score).count() < self.k
            };
            outputs.zip(predictions.targets()).filter(hit).count()
        };
        Ok(hits as f64 / rows as f64)
    }
}
