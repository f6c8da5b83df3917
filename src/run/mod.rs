//! A run, from files to results: what the commands do, for a library user too.
//!
//! `config` says what a run is (a TOML file or flags), `load` brings files to examples, `train`
//! makes a model of them, `evaluate` and `predict` use one.

mod checkpoint;
mod config;
mod evaluate;
mod load;
mod predict;
mod train;
pub mod tutorial;

pub use config::{DataConfig, ModelConfig, OutputConfig, Pool, RunConfig, TrainingConfig};
pub use evaluate::{Evaluation, evaluate};
pub use load::{Loaded, Task, load};
pub use predict::{Answer, LinePredictor, predict_file};
pub use train::{Outcome, train};
