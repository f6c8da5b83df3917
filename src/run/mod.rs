//! A run, from files to results: what the commands do, for a library user too.
//!
//! `config` says what a run is (a TOML file or flags), `load` brings files to examples, `train`
//! makes a model of them, `evaluate` and `predict` use one.

mod checkpoint;
mod codes;
mod config;
mod evaluate;
mod load;
mod predict;
mod train;
pub mod tutorial;
mod vectors;
mod words;

pub use codes::{
    Codes, Comparison, Reconstruction, compare_pca, decode, encode, reconstruct, translate,
    write_outputs,
};
pub use config::{DataConfig, ModelConfig, OutputConfig, Pool, RunConfig, TrainingConfig};
pub use evaluate::{Evaluation, evaluate};
pub use load::{Loaded, NamedRows, Task, load, read_rows, read_targets};
pub use predict::{Answer, LinePredictor, predict_file};
pub use train::{Outcome, train};
pub use vectors::{Neighbour, export_word2vec, neighbours, similar};
pub use words::{WordsConfig, train_words};
