//! How scores of several classes become one number.

use super::Predictions;
use crate::error::{Error, Result};

/// An average over classes (or labels), in scikit-learn's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// The score of class 1 of two.
    #[default]
    Binary,
    /// The score of all classes' counts added up.
    Micro,
    /// The plain mean over classes.
    Macro,
    /// The mean weighted by the rows of each class.
    Weighted,
}

impl Average {
    /// The average that a metric's name ends in: `f1_macro`.
    pub(super) fn of_name(name: &str) -> Average {
        match name.rsplit_once('_') {
            Some((_, "micro")) => Average::Micro,
            Some((_, "macro")) => Average::Macro,
            Some((_, "weighted")) => Average::Weighted,
            _ => Average::Binary,
        }
    }

    /// `f1` with its average: `f1_macro`.
    pub(super) fn name(self, metric: &str) -> String {
        match self {
            Average::Binary => metric.to_owned(),
            Average::Micro => format!("{metric}_micro"),
            Average::Macro => format!("{metric}_macro"),
            Average::Weighted => format!("{metric}_weighted"),
        }
    }

    /// Refuses the score of class 1 where there are other than two classes.
    pub(super) fn check(self, metric: &str, predictions: &Predictions<'_>) -> Result<()> {
        if self == Average::Binary && !predictions.is_binary() {
            return Err(Error::usage(format!(
                "{metric} is of two classes, but there are {}; choose {metric}_macro, {metric}_micro or {metric}_weighted",
                predictions.classes()
            )));
        }
        Ok(())
    }
}
