//! Who watches a run, from files to results.

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

    /// Something that the user should know and that does not end the run.
    fn warn(&mut self, _message: &str) {}

    /// Asked between steps, a few times a second: whether the run shall end here, with its best weights written.
    fn interrupted(&mut self) -> bool {
        false
    }
}
