//! Cross-validation: the rows are cut into K folds, a model is trained without each and tested on it, and the model that is
//! kept is trained on all rows.
//!
//! Every fold is a run of its own, with its own vocabulary, scales and first weights from its training rows alone. Rows
//! to validate on, where the run asks for them, are taken from the training rows, so that nothing of the fold that tests
//! decides when to stop.

use serde::Serialize;

use super::config::RunConfig;
use super::evaluate::evaluate_rows;
use super::load::{Fold, Given, Loaded, load_source};
use super::observer::RunObserver;
use super::repeats;
use super::train::{Outcome, train_fresh};
use crate::backend::Device;
use crate::data::{Account, ByteSource};
use crate::error::{Error, Result};
use crate::train::End;

/// What was found on the rows of one fold.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FoldFigures {
    /// Rows tested.
    pub rows: usize,
    /// Rows that the model was trained on.
    pub training_rows: usize,
    /// The epoch of its weights.
    pub epoch: usize,
    /// Figures by name, in the order in which a table shows them.
    pub figures: Vec<(&'static str, f64)>,
}

/// One figure over all folds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Spread {
    /// Its name.
    pub name: &'static str,
    /// Its mean over the folds that have it.
    pub mean: f64,
    /// The standard deviation of the folds around that mean, divided by their number (`numpy.std`).
    pub deviation: f64,
}

/// What cross-validation found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Folds {
    /// Fold by fold.
    pub folds: Vec<FoldFigures>,
}

impl Folds {
    /// Mean and deviation of each figure.
    pub fn spreads(&self) -> Vec<Spread> {
        let mut names: Vec<&'static str> = Vec::new();
        for (name, _) in self.folds.iter().flat_map(|fold| &fold.figures) {
            if !names.contains(name) {
                names.push(name);
            }
        }
        let spread = |name| {
            let values = self.folds.iter().flat_map(|fold| &fold.figures);
            let values: Vec<f64> =
                values.filter(|(known, _)| *known == name).map(|(_, value)| *value).collect();
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            Spread { name, mean, deviation: variance.sqrt() }
        };
        names.into_iter().map(spread).collect()
    }

    /// The epochs of the folds' weights, in the mean.
    fn mean_epoch(&self) -> usize {
        let sum: usize = self.folds.iter().map(|fold| fold.epoch).sum();
        (sum as f64 / self.folds.len().max(1) as f64).round().max(1.0) as usize
    }
}

/// A run within another, a fold's, is not shown; it can be interrupted.
pub(super) struct Within<'a> {
    observer: &'a mut dyn RunObserver,
    validates: bool,
}

impl<'a> Within<'a> {
    pub(super) fn new(observer: &'a mut dyn RunObserver) -> Within<'a> {
        Within { observer, validates: false }
    }
}

impl RunObserver for Within<'_> {
    fn begin(
        &mut self,
        _model: &crate::model::Model,
        loaded: &Loaded,
        _trainer: &crate::train::Trainer,
    ) -> Result<()> {
        self.validates = loaded.validation.is_some();
        Ok(())
    }

    fn warn(&mut self, message: &str) {
        self.observer.warn(message);
    }

    fn interrupted(&mut self) -> bool {
        self.observer.interrupted()
    }
}

/// Trains without each of `count` folds, and then on all rows: as many epochs as the folds' best weights had in the mean
/// where rows set apart decide that, else as the run says.
///
/// # Errors
/// [`Error::Usage`] for more folds than rows, or than any class has rows; whatever reading, training or writing meets.
pub(super) fn train_folds(
    config: &RunConfig,
    count: usize,
    device: &Device,
    observer: &mut dyn RunObserver,
) -> Result<Outcome> {
    let source = ByteSource::read(&config.data.train)?;
    let mut last = match &config.data.validation {
        Some(_) => config.clone(),
        None => config.on_all_rows(),
    };
    let mut whole = load_source(&last, &source, Given::Nothing, None)?;
    check(count, &mut whole)?;

    let part = config.clone().without_files();
    let mut folds = Folds::default();
    let mut sets_apart = false;
    for index in 0..count {
        let fold = Fold { index, of: count };
        let mut loaded = load_source(&part, &source, Given::Nothing, Some(fold))?;
        // What the first fold shows, all do.
        let said = if index == 0 { repeats::said_of(&loaded) } else { Vec::new() };
        said.iter().for_each(|sentence| observer.warn(sentence));
        let held_out = loaded.held_out.take();
        let mut within = Within::new(observer);
        let outcome = train_fresh(&part, loaded, device, &mut within)?;
        sets_apart |= within.validates && config.data.validation.is_none();
        if outcome.end != End::Done {
            return Ok(Outcome { step: 0, ..outcome });
        }
        // A fold of no rows: there are at least as many rows as folds.
        let Some(held_out) = held_out else { continue };
        let found = evaluate_rows(&outcome.model, &held_out, &[], Account::default(), device)?;
        let figures = FoldFigures {
            rows: found.rows,
            training_rows: outcome.training_rows,
            epoch: outcome.epoch,
            figures: found.figures(),
        };
        observer.fold(index + 1, count, &figures);
        folds.folds.push(figures);
    }
    if sets_apart {
        last = last.for_epochs(folds.mean_epoch());
    }
    let outcome = train_fresh(&last, whole, device, observer)?;
    Ok(Outcome { folds: Some(folds), ..outcome })
}

/// Holds the rows against the number of folds, and says which class is too small to stand in each.
pub(super) fn check(count: usize, whole: &mut Loaded) -> Result<()> {
    let rows = whole.training.rows();
    if count > rows {
        return Err(Error::usage(format!(
            "folds is {count}, but there are {rows} rows, and each fold tests at least one; take fewer"
        )));
    }
    let mut sizes = vec![0usize; whole.labels.len()];
    if let (false, Some(rows)) = (whole.labels.is_empty(), whole.training.held()) {
        for &class in rows.target_values() {
            if let Some(size) = sizes.get_mut(class as usize) {
                *size += 1;
            }
        }
    }
    let Some(&most) = sizes.iter().max() else { return Ok(()) };
    if most < count {
        return Err(Error::usage(format!(
            "folds is {count}, but no label has more than {most} rows, so that none stands in each fold; take at most {most}"
        )));
    }
    let small: Vec<usize> = (0..sizes.len()).filter(|&class| sizes[class] < count).collect();
    if let [first, rest @ ..] = &small[..] {
        let others = match rest.len() {
            0 => String::new(),
            1 => " (and another label)".into(),
            many => format!(" (and {many} other labels)"),
        };
        whole.accounts[0].warn(format!(
            "the label \"{}\"{others} has {} rows, fewer than the {count} folds: it does not stand in each, and figures of those without it say nothing of it",
            whole.labels[*first], sizes[*first]
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_over_the_folds_that_have_the_figure() {
        let fold = |epoch, figures| FoldFigures { rows: 2, training_rows: 4, epoch, figures };
        let folds = Folds {
            folds: vec![
                fold(3, vec![("loss", 1.0), ("r2", 0.5)]),
                fold(4, vec![("loss", 3.0)]),
                fold(4, vec![("loss", 5.0), ("r2", 0.5)]),
            ],
        };
        let found = folds.spreads();
        assert_eq!((found[0].name, found[0].mean), ("loss", 3.0));
        // Population: ((-2)^2 + 0 + 2^2) / 3.
        assert!((found[0].deviation - (8.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!((found[1].name, found[1].mean, found[1].deviation), ("r2", 0.5, 0.0));
        assert_eq!(folds.mean_epoch(), 4);
    }
}
