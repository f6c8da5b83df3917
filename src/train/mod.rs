//! From a model and a data set to trained weights, and from a trained model to its answers.
//!
//! A model is lowered to a plan (`layers/plan.rs`), whose fusions `fuse` decides; `place` says where the weights
//! lie, `record` walks the plan and makes a program, `small` does so for models whose steps share a dispatch.
//! `session` feeds a program (`feed`) and runs it, as many steps at once as `pace` says, `parameters` takes weights
//! to it and back, `trainer` is the loop over epochs, `predictor` the way from inputs to outputs. `words` trains
//! word vectors, by a program of its own.

mod augment;
mod feed;
mod fuse;
mod history;
mod lifetimes;
mod memory;
mod pace;
mod parameters;
mod place;
mod predictor;
mod profile;
mod record;
mod recovery;
mod session;
mod small;
#[cfg(test)]
mod tests;
mod trainer;
mod watch;
mod words;

pub use crate::error::Divergence;
pub use crate::optimizers::{Clip, Optimizer, Schedule};
pub use augment::Augment;
pub use fuse::Fusions;
pub(crate) use fuse::reads_bags;
pub use history::{BatchReport, EpochReport, History, Metrics};
pub use memory::Memory;
pub use parameters::Role;
pub use predictor::Predictor;
pub use profile::{KernelCost, Profile};
pub use recovery::Recovered;
pub use session::{Session, SessionState, Sums};
pub use trainer::{Checkpoint, EarlyStopping, End, Fitted, Follow, Next, Observer, OnNan, Trainer};
pub use watch::Monitor;
pub use words::{WordMethod, WordRows, WordStream, WordTrainer};
