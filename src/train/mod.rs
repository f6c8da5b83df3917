//! From a model and a data set to trained weights, and from a trained model to its answers.
//!
//! `record` turns a model into a program, `session` feeds and runs it, `trainer` is the loop over
//! epochs, `predictor` the way from inputs to outputs. `words` trains word vectors, by a program of
//! its own.

mod history;
mod optimizer;
mod predictor;
mod profile;
mod record;
mod session;
mod sort;
mod trainer;
mod words;

pub use history::{EpochReport, History, Metrics};
pub use optimizer::{Optimizer, Schedule};
pub use predictor::Predictor;
pub use profile::{KernelCost, Profile};
pub use session::{Role, Session, SessionState};
pub use trainer::{Checkpoint, EarlyStopping, Observer, Trainer};
pub use words::{WordMethod, WordStream, WordTrainer};
