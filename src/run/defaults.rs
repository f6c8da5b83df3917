//! The defaults that depend on what a run makes: the one place that says them.

use std::path::PathBuf;

use super::setting::RunKind;
use super::settings::{Pool, Settings};
use crate::optimizers::{Adagrad, Schedule};
use crate::text::TextOptions;
use crate::train::WordTrainer;

/// What a run does where nothing is given.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pub kind: RunKind,
    pub epochs: usize,
    /// Small data get more epochs until there are as many steps.
    pub min_steps: usize,
    /// None: by the number of rows.
    pub batch_size: Option<usize>,
    pub optimizer: &'static str,
    /// Of every optimizer but sgd and adagrad, which have their own.
    pub learning_rate: f64,
    /// Of sgd.
    pub momentum: f64,
    pub adagrad: Adagrad,
    pub schedule: Schedule,
    pub adapt_learning_rate: bool,
    pub dropout: f64,
    /// None: by the number of rows.
    pub validation_split: Option<f64>,
    pub patience: usize,
    pub refit: bool,
    pub min_count: usize,
    pub ngram_buckets: usize,
    pub skip_unknown: bool,
    /// 0: as wide as pretrained vectors.
    pub word_units: usize,
    pub encoder: Vec<usize>,
    pub targets: Option<PathBuf>,
    pub output: &'static str,
}

impl Defaults {
    /// Those of a kind, before anything is known of the run. Arrays, and runs that give their own layers,
    /// have those of Keras' `compile` and `fit`.
    fn of_kind(kind: RunKind) -> Defaults {
        let plain = Defaults {
            kind,
            epochs: 10,
            min_steps: 0,
            batch_size: Some(32),
            optimizer: "adam",
            learning_rate: 1e-3,
            momentum: 0.0,
            adagrad: Adagrad::default(),
            schedule: Schedule::Constant,
            adapt_learning_rate: false,
            dropout: 0.0,
            validation_split: Some(0.0),
            patience: 0,
            refit: false,
            min_count: 1,
            ngram_buckets: TextOptions::default().ngram_buckets,
            skip_unknown: false,
            word_units: WordTrainer::default().units,
            encoder: Vec::new(),
            targets: None,
            output: "model.safetensors",
        };
        // Until validation finds no better epoch.
        let stopped = Defaults {
            epochs: 50,
            min_steps: 2000,
            momentum: 0.9,
            // Gradients of rare words are small: nothing may stand beside their squares.
            adagrad: Adagrad { learning_rate: 0.1, initial_accumulator_value: 0.0, epsilon: 1e-10 },
            validation_split: None,
            patience: 3,
            ..plain.clone()
        };
        let coder = Defaults {
            learning_rate: 3e-3,
            schedule: Schedule::Cosine,
            adapt_learning_rate: true,
            ..stopped.clone()
        };
        match kind {
            RunKind::Text => Defaults {
                // A word that few texts have learns as fast as others did when they were new.
                optimizer: "adagrad",
                learning_rate: 3e-3,
                // By the rows that there are.
                batch_size: None,
                dropout: 0.5,
                refit: true,
                ..stopped
            },
            RunKind::Table => {
                Defaults { learning_rate: 3e-3, schedule: Schedule::Cosine, ..stopped }
            }
            // Ten passes are what small networks of pictures need with a rate that falls.
            RunKind::Images => Defaults {
                epochs: 10,
                batch_size: Some(64),
                schedule: Schedule::Cosine,
                dropout: 0.25,
                ..stopped
            },
            // A text without a known word has nothing to give back.
            RunKind::Autoencoder => Defaults { min_count: 2, skip_unknown: true, ..coder },
            RunKind::Translate => coder,
            RunKind::Words => {
                Defaults { epochs: 5, min_count: 5, output: "words.safetensors", ..plain }
            }
            RunKind::Arrays => plain,
        }
    }

    /// Those of a run of this kind, beside what is given.
    pub fn of(kind: RunKind, given: &Settings) -> Defaults {
        let model = &given.model;
        let mut defaults = match model.layers {
            Some(_) => Defaults { kind, ..Defaults::of_kind(RunKind::Arrays) },
            None => Defaults::of_kind(kind),
        };
        if model.pretrained.is_some() {
            defaults.word_units = 0;
        }
        let pools =
            kind == RunKind::Text && model.layers.is_none() && model.pool != Some(Pool::Flatten);
        if given.text.subwords.is_some() || pools {
            // As many as fastText has: only those that training texts fill have a row.
            defaults.ngram_buckets = 2_000_000;
        }
        if given.training.epochs.is_some() {
            defaults.min_steps = 0;
        }
        if kind == RunKind::Autoencoder {
            defaults.targets = given.data.train.clone();
        }
        let has_units = model.hidden.as_ref().is_some_and(|units| !units.is_empty());
        let is_linear =
            !has_units && model.pool != Some(Pool::Flatten) && model.pretrained.is_none();
        if model.layers.is_none() && !is_linear {
            // The first step of a weight is the rate itself, whatever its gradient: much for more than a linear model.
            defaults.adagrad.learning_rate = 0.03;
        }
        if model.encoder_from.is_some() || has_units {
            // The encoder is there already, or none is asked for.
            defaults.encoder = Vec::new();
        }
        if given.data.validation.is_some() {
            defaults.validation_split = Some(0.0);
        }
        // Who says which rows are validated on, or keeps the steps of a run, has one run.
        let data = &given.data;
        let says = data.validation.is_some() || data.validation_split.is_some();
        if says || data.folds.is_some() || given.output.checkpoint.is_some() || model.from.is_some()
        {
            defaults.refit = false;
        }
        // Without rows to validate on there is nothing to be patient with.
        let split = given.data.validation_split.or(defaults.validation_split);
        if given.data.validation.is_none() && split == Some(0.0) {
            defaults.patience = 0;
        }
        let optimizer = given.training.optimizer.as_ref();
        let gives = |name: &str| optimizer.is_some_and(|of| of.numbers.contains_key(name));
        if gives("beta_1") || gives("beta_2") {
            // Numbers that are Adam's.
            defaults.optimizer = "adam";
        }
        if gives("learning_rate") {
            defaults.adapt_learning_rate = false;
        }
        defaults
    }

    /// The default of an optimizer's number, where it is not the optimizer's own.
    pub fn number(&self, optimizer: &str, name: &str) -> Option<f64> {
        match (optimizer, name) {
            ("adagrad", "learning_rate") => Some(self.adagrad.learning_rate),
            ("adagrad", "initial_accumulator_value") => {
                Some(self.adagrad.initial_accumulator_value)
            }
            ("adagrad", "epsilon") => Some(self.adagrad.epsilon),
            ("sgd", "learning_rate") => None,
            (_, "learning_rate") => Some(self.learning_rate),
            ("sgd", "momentum") => Some(self.momentum),
            _ => None,
        }
    }
}
