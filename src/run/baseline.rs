//! Whether a trained model tells more than the same answer to every row: the most frequent class, the mean of the
//! targets, or the mean row, for one that gives its rows back. An accuracy of 0.9 is nothing where nine rows of ten are of one
//! class, and an error of 0.01 nothing where the rows differ by no more.

use super::load::{Loaded, Task};
use crate::data::{Dataset, Inputs, Targets};
use crate::model::{Loss, Model};
use crate::train::History;

/// Epochs from which on what a model answers to its training rows says something.
const EPOCHS: usize = 3;

/// The share of the targets' variance that a model should explain at least.
const LEAST_R2: f64 = 0.02;

/// That a model of `epoch`, from 1, tells hardly more than the same answer to every row, where it is so.
pub(super) fn doubt(
    loaded: &Loaded,
    model: &Model,
    history: &History,
    epoch: usize,
) -> Option<String> {
    let at = |values: &[f64]| values.get(epoch.checked_sub(1)?).copied();
    let (rows, name, accuracy, loss) = match &loaded.validation {
        Some(rows) => (rows, "validation", at(&history.val_accuracy), at(&history.val_loss)),
        None if history.loss.len() < EPOCHS => return None,
        None => (loaded.training.held()?, "training", at(&history.accuracy), at(&history.loss)),
    };
    match loaded.task {
        Task::Binary | Task::Classes => doubt_of_classes(model, rows, name, accuracy?),
        Task::Regression if model.loss() == Loss::Mse => {
            let explained = 1.0 - loss? / mean_square(rows);
            (explained < LEAST_R2).then(|| {
                format!(
                    "of the variance of the {name} rows' targets the model explains {:.1} %: their mean is about as good an answer; more rows or other columns may help",
                    100.0 * explained
                )
            })
        }
        Task::Given if *rows.targets() == Targets::Inputs && model.loss() == Loss::Mse => {
            let explained = 1.0 - loss? / variance_of(rows.inputs())?;
            (explained < LEAST_R2).then(|| {
                format!(
                    "of the variance of the {name} rows the model gives {:.1} % back: the mean row is about as good an answer; more epochs, more numbers a row in the middle (latent), or another scale of the data may help",
                    100.0 * explained
                )
            })
        }
        _ => None,
    }
}

/// Mean over the features of their variances; none of texts, and where nothing varies.
fn variance_of(inputs: &Inputs) -> Option<f64> {
    let Inputs::Matrix { values, features } = inputs else { return None };
    let rows = inputs.rows() as f64;
    let (mut sums, mut squares) = (vec![0.0f64; *features], vec![0.0f64; *features]);
    for row in values.chunks_exact(*features) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value as f64);
    }
    for row in values.chunks_exact(*features) {
        let of_row = squares.iter_mut().zip(&sums).zip(row);
        of_row.for_each(|((square, sum), &value)| *square += (value as f64 - sum / rows).powi(2));
    }
    let variance = squares.iter().sum::<f64>() / (rows * *features as f64);
    (variance > 0.0).then_some(variance)
}

fn doubt_of_classes(model: &Model, rows: &Dataset, name: &str, accuracy: f64) -> Option<String> {
    let mut counts = vec![0usize; model.labels.len()];
    for &class in rows.target_values() {
        *counts.get_mut(class as usize)? += 1;
    }
    let (most, &count) = counts.iter().enumerate().max_by_key(|&(_, count)| count)?;
    let share = count as f64 / rows.rows() as f64;
    // What an accuracy is off by, by chance.
    let error = (share * (1.0 - share) / rows.rows() as f64).sqrt();
    let way_out = match share >= 0.6 {
        true => {
            "class_weight = \"balanced\" makes rare classes count, and figures by class say more than this one"
        }
        false => "more rows or other inputs may help",
    };
    (share < 1.0 && accuracy < share + error).then(|| {
        format!(
            "the model is right on {:.1} % of the {name} rows, and {:.1} % of them are \"{}\": always to answer that would be about as good; {way_out}",
            100.0 * accuracy,
            100.0 * share,
            model.labels[most]
        )
    })
}

/// The mean square of scaled targets: what the mean of the training rows, which is 0, is off by.
fn mean_square(rows: &Dataset) -> f64 {
    let targets = rows.target_values();
    let sum: f64 = targets.iter().map(|&target| (target as f64).powi(2)).sum();
    (sum / targets.len().max(1) as f64).max(f64::MIN_POSITIVE)
}
