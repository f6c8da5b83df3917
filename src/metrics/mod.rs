//! Metrics: how good a model's outputs are, one file each, defined as scikit-learn defines them.
//!
//! A [`Metric`] reads [`Predictions`] (outputs beside targets, on the host) and gives one number in
//! double precision. [`by_name`] finds one by the name that a run's settings give it, and a program
//! can bring its own:
//!
//! ```
//! use wgslearn::metrics::{self, Metric, Predictions};
//! use wgslearn::Result;
//!
//! // Four rows of a binary classifier: the sigmoid's outputs and what was right.
//! let predictions = Predictions::new(&[0.1, 0.4, 0.35, 0.8], 1, &[0.0, 0.0, 1.0, 1.0], 1)?;
//! assert_eq!(metrics::by_name("roc_auc")?.compute(&predictions)?, 0.75);
//!
//! /// The largest error of all rows and outputs.
//! #[derive(Debug)]
//! struct MaxError;
//!
//! impl Metric for MaxError {
//!     fn name(&self) -> String {
//!         "max_error".to_owned()
//!     }
//!     fn higher_is_better(&self) -> bool {
//!         false
//!     }
//!     fn compute(&self, predictions: &Predictions<'_>) -> Result<f64> {
//!         let (outputs, targets) = predictions.values("max_error")?;
//!         let errors = outputs.iter().zip(targets).map(|(output, target)| (output - target).abs());
//!         Ok(errors.fold(0.0, f64::max))
//!     }
//! }
//! assert!(MaxError.compute(&predictions)? > 0.6);
//! # Ok::<(), wgslearn::Error>(())
//! ```
//!
//! | targets | outputs | what they are | read by |
//! | --- | --- | --- | --- |
//! | `[rows, 1]`, 0 or 1 | `[rows, 1]` | binary: the probability of 1, answered above 0.5 | all metrics |
//! | `[rows, 1]`, 0 or 1 | `[rows, 2]` | binary: two probabilities, the second that of 1 | all but mse, rmse, mae, r2 |
//! | `[rows, 1]`, class numbers | `[rows, classes]` | one class of several, the largest output answered | all but those and `precision`, `recall`, `f1`, `roc_auc` without an average |
//! | `[rows, labels]`, 0 or 1 | `[rows, labels]` | labels that hold or not, each answered above 0.5 | all but `top_k_accuracy` and `precision`, `recall`, `f1` without an average |
//! | `[rows, outputs]` | `[rows, outputs]` | values | mse, rmse, mae, r2 |
//!
//! To add a metric: a file with its struct, its [`Metric`] and its `ENTRY`; a line in `ALL`; a line in
//! `tests/fixtures/metrics/make.py`, which writes scikit-learn's figures that `tests/metrics.rs` holds
//! it to.

mod accuracy;
mod average;
mod average_precision;
mod counts;
mod f1;
mod log_loss;
mod mae;
mod mse;
mod precision;
mod predictions;
mod r2;
mod recall;
mod rmse;
mod roc_auc;
mod top_k_accuracy;

use std::fmt::Debug;

use crate::error::{Error, Result};

pub use accuracy::Accuracy;
pub use average::Average;
pub use average_precision::AveragePrecision;
pub use counts::Counts;
pub use f1::F1;
pub use log_loss::LogLoss;
pub use mae::Mae;
pub use mse::Mse;
pub use precision::Precision;
pub use predictions::Predictions;
pub use r2::R2;
pub use recall::Recall;
pub use rmse::Rmse;
pub use roc_auc::RocAuc;
pub use top_k_accuracy::TopKAccuracy;

/// One number that says how good predictions are.
///
/// What an implementation promises:
/// - `compute` is a function of the predictions alone: same rows in the same order, same bits.
/// - It never answers NaN or infinity. Where scikit-learn has a value for an undefined case
///   (`zero_division=0`, R2 of a constant target), it is that value; where scikit-learn raises an
///   error or answers NaN, it is an error whose sentence says what is missing.
/// - It reads what [`Predictions`] offers for its kind (`answers`, `positives`, `values`), which
///   refuses targets of another kind.
pub trait Metric: Debug + Send + Sync {
    /// The name by which [`by_name`] finds it, with its argument: `top_k_accuracy:5`.
    fn name(&self) -> String;

    /// Whether a larger value is a better model: what early stopping and the best epoch go by.
    fn higher_is_better(&self) -> bool;

    /// The metric over all rows.
    ///
    /// # Errors
    /// [`Error::Usage`] where the predictions are of another kind (classes for a regression's metric), and
    /// where the metric is undefined for these rows (ROC AUC of rows of one class).
    fn compute(&self, predictions: &Predictions<'_>) -> Result<f64>;
}

/// A metric, or what is wrong with its argument.
type Made = std::result::Result<Box<dyn Metric>, String>;

/// What a metric's file says of it to [`by_name`].
struct Entry {
    /// The names that it makes.
    names: &'static [&'static str],
    /// How its argument is written behind the name, for messages; `None` where it takes none.
    argument: Option<&'static str>,
    /// The metric of one of the names and its argument (`None`: no colon); `Err` says what is wrong.
    make: fn(&str, Option<&str>) -> Made,
}

/// Every metric, one line each.
const ALL: &[Entry] = &[
    accuracy::ENTRY,
    top_k_accuracy::ENTRY,
    precision::ENTRY,
    recall::ENTRY,
    f1::ENTRY,
    roc_auc::ENTRY,
    average_precision::ENTRY,
    log_loss::ENTRY,
    mse::ENTRY,
    rmse::ENTRY,
    mae::ENTRY,
    r2::ENTRY,
];

/// The names that [`by_name`] knows, without arguments.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(|entry| entry.names).copied()
}

/// The metric of a name: `accuracy`, `f1_macro`, `top_k_accuracy:5`.
///
/// # Errors
/// [`Error::Usage`] for an unknown name (the sentence lists those that are known), an argument that is
/// missing or wrong, and one where none is taken.
pub fn by_name(name: &str) -> Result<Box<dyn Metric>> {
    let (word, argument) = match name.split_once(':') {
        Some((word, argument)) => (word, Some(argument)),
        None => (name, None),
    };
    let Some(entry) = ALL.iter().find(|entry| entry.names.contains(&word)) else {
        let known: Vec<String> = ALL.iter().flat_map(usages).collect();
        return Err(Error::usage(format!(
            "there is no metric {name:?}; the metrics are {}",
            known.join(", ")
        )));
    };
    if let (None, Some(argument)) = (entry.argument, argument) {
        return Err(Error::usage(format!(
            "the metric {word} takes no argument, but {argument:?} is behind its colon; write {word}"
        )));
    }
    (entry.make)(word, argument)
        .map_err(|wrong| Error::usage(format!("the metric {name:?}: {wrong}")))
}

/// How an entry's names are written, with their arguments.
fn usages(entry: &Entry) -> impl Iterator<Item = String> {
    let argument = entry.argument.map(|argument| format!(":{argument}")).unwrap_or_default();
    entry.names.iter().map(move |name| format!("{name}{argument}"))
}
