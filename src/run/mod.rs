//! A run, from files to results: what the commands do, for a library user too.
//!
//! `settings` is the table of what can be said of a run (by a TOML file, flags or a program), `config` a run
//! complete and checked, `defaults` what is not said; `load` brings files to examples, `train`
//! makes a model of them, `evaluate` and `predict` use one.

mod answers;
mod baseline;
mod checkpoint;
mod codes;
mod config;
mod defaults;
#[cfg(feature = "unstable")]
#[doc(hidden)]
pub mod doctor;
mod documents;
mod errors;
mod evaluate;
mod explain;
mod folds;
mod lexicon;
mod load;
mod lock;
mod mistakes;
mod networks;
mod observer;
mod outputs;
mod predict;
mod pretrained;
mod quantize;
mod repeats;
mod room;
mod setting;
mod settings;
mod train;
mod tune;
pub mod tutorial;
mod vectors;
mod whole_pictures;
mod word_tests;
mod words;

pub use answers::{Answer, AnswerFormat, AnswerOptions, AnswerWriter, LabelProbability};
pub use codes::{
    Codes, Comparison, Reconstruction, check_outputs, compare_pca, decode, encode, reconstruct,
    translate, write_outputs,
};
pub use config::{
    Bytes, DataConfig, Every, ImagesConfig, ModelConfig, OutputConfig, Pool, RunConfig, Settings,
    TrainingConfig, TuneThreshold, WordsConfig, documentation, setting_by_flag,
};
pub use documents::{Weighting, encode_documents};
pub use errors::{Labels, Mistake, Mistakes, mistakes};
pub use evaluate::{Evaluation, evaluate};
pub use explain::{Explanation, WordPart, explain};
pub use folds::{FoldFigures, Folds, Spread};
pub use load::{Loaded, NamedRows, Task, Tested, load, read_rows, read_targets, read_texts};
pub use mistakes::PictureMistake;
pub use networks::Network;
pub use observer::RunObserver;
pub use outputs::{check_extension, check_output};
pub use predict::{LinePredictor, predict_file, predict_files};
pub use quantize::{Quality, Quantized, quantize};
pub use setting::{Arity, GivenOptimizer, Kinds, Range, RunKind, Setting, SettingType, Spec};
pub use settings::{
    GivenData, GivenImages, GivenModel, GivenOutput, GivenText, GivenTraining, GivenWords,
    HEADINGS, hyperparameters,
};
pub use train::{Outcome, train, train_observed};
pub use tune::{Choice, Effort, Trial, TuneObserver, Tuned, tune};
pub use vectors::{
    ExportFormat, Neighbour, analogy, export_vectors, export_word2vec, neighbours, neighbours_in,
    odd_one_out, plot_words, similar, similarity,
};
pub use whole_pictures::translate_pictures;
pub use word_tests::{WordTest, WordTestOptions, WordTestSection, evaluate_vectors};
pub use words::{WordsOutcome, train_words, train_words_observed};
