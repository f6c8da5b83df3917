//! Who watches a run, from files to results.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::folds::FoldFigures;
use super::load::Loaded;
use crate::data::Account;
use crate::error::Result;
use crate::model::Model;
use crate::train::{EpochReport, Trainer};

/// Watches a run, and may end it early.
pub trait RunObserver {
    /// Called before the first epoch, with the model, its data and its trainer.
    ///
    /// # Errors
    /// Whatever it meets; the run ends.
    fn begin(&mut self, _model: &Model, _loaded: &Loaded, _trainer: &Trainer) -> Result<()> {
        Ok(())
    }

    /// Called before the first epoch of word vectors, with the numbers of different words and of all, and what became
    /// of the file's rows.
    fn begin_words(&mut self, _vocabulary: usize, _words: usize, _account: &Account) {}

    /// Called after every epoch.
    fn epoch(&mut self, _report: EpochReport) {}

    /// Called when the model without fold `number`, from 1, of `of` was tested on it.
    fn fold(&mut self, _number: usize, _of: usize, _figures: &FoldFigures) {}

    /// Called when the model was trained once more, on all rows, for the epochs that the validation rows chose.
    fn refitted(&mut self, _rows: usize, _epochs: usize) {}

    /// Something that the user should know and that does not end the run.
    fn warn(&mut self, _message: &str) {}

    /// Asked between steps, a few times a second: whether the run shall end here, with its best weights written.
    fn interrupted(&mut self) -> bool {
        false
    }
}

/// What is called before a run's first epoch.
type Begin<'a> = &'a mut dyn FnMut(&Model, &Loaded, &Trainer) -> Result<()>;

/// What is called before the first epoch of word vectors.
type BeginWords<'a> = &'a mut dyn FnMut(usize, usize, &Account);

/// A run's callbacks, and the flag that ends it.
pub(super) struct Closures<'a> {
    pub begin: Option<Begin<'a>>,
    pub begin_words: Option<BeginWords<'a>>,
    pub on_epoch: &'a mut dyn FnMut(EpochReport),
    pub stop: Option<Arc<AtomicBool>>,
}

impl RunObserver for Closures<'_> {
    fn begin(&mut self, model: &Model, loaded: &Loaded, trainer: &Trainer) -> Result<()> {
        self.begin.as_mut().map_or(Ok(()), |begin| begin(model, loaded, trainer))
    }

    fn begin_words(&mut self, vocabulary: usize, words: usize, account: &Account) {
        if let Some(begin) = &mut self.begin_words {
            begin(vocabulary, words, account);
        }
    }

    fn epoch(&mut self, report: EpochReport) {
        (self.on_epoch)(report);
    }

    fn interrupted(&mut self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}
