//! What training reports: loss and accuracy by epoch, exact means over rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Loss and accuracy over some rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean loss over rows.
    pub loss: f64,
    /// Share of right answers, for losses that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}

/// One epoch, as it is reported while training runs.
#[derive(Clone, Copy, Debug)]
pub struct EpochReport {
    /// From 1.
    pub epoch: usize,
    /// How many there will be at most.
    pub epochs: usize,
    /// Over the training rows, as the batches were trained.
    pub training: Metrics,
    /// Over the validation rows, after the epoch.
    pub validation: Option<Metrics>,
    /// The metric of the validation rows that is watched, if one is.
    pub monitored: Option<f64>,
    /// Rows trained per second, over the time since the last report.
    pub samples_per_second: f64,
}

/// One batch, as it is reported behind its epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchReport {
    /// The optimizer's step, from 1.
    pub step: u64,
    /// Rows of the batch.
    pub rows: usize,
    /// Their mean loss, before the step.
    pub loss: f64,
}

/// Loss and accuracy by epoch. As JSON: `{"loss": [...], "accuracy": [...], "val_loss": [...]}`;
/// what was not measured is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Training loss.
    pub loss: Vec<f64>,
    /// Training accuracy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accuracy: Vec<f64>,
    /// Validation loss.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub val_loss: Vec<f64>,
    /// Validation accuracy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub val_accuracy: Vec<f64>,
    /// The metric of the validation rows that was watched, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub val_metrics: BTreeMap<String, Vec<f64>>,
    /// The epoch whose weights were kept, from 1, where early stopping chose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_epoch: Option<usize>,
}

impl History {
    /// Adds an epoch.
    pub(super) fn push(
        &mut self,
        training: Metrics,
        validation: Option<Metrics>,
        monitored: Option<(String, f64)>,
    ) {
        if let Some((name, value)) = monitored {
            self.val_metrics.entry(name).or_default().push(value);
        }
        self.loss.push(training.loss);
        self.accuracy.extend(training.accuracy);
        if let Some(validation) = validation {
            self.val_loss.push(validation.loss);
            self.val_accuracy.extend(validation.accuracy);
        }
    }
}
