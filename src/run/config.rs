//! A training run, described: `wgslearn train --config run.toml`, or built from flags.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::ImageOptions;
use crate::error::{Error, Result};
use crate::model::{BagMode, Input, Layer, Loss, Noise};
use crate::text::TextOptions;
use crate::train::{Clip, EarlyStopping, Fusions, Optimizer, Schedule, Trainer};

/// Everything that a training run needs to know. Every key but `data.train` has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Files and columns.
    pub data: DataConfig,
    /// Tokens, vocabulary and padding, for texts.
    #[serde(default)]
    pub text: TextOptions,
    /// Size and colour, for images.
    #[serde(default)]
    pub images: ImageOptions,
    /// Layers and first weights.
    #[serde(default)]
    pub model: ModelConfig,
    /// Loss, optimizer, epochs.
    #[serde(default)]
    pub training: TrainingConfig,
    /// Files to write.
    #[serde(default)]
    pub output: OutputConfig,
}

/// Files and columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Ids or a matrix (`.npy`), a table (`.csv`, `.tsv`), texts (`.csv`, `.tsv`, `.jsonl`, lines
    /// with `__label__`), or images (a folder of PNG and JPEG files, an IDX file).
    pub train: PathBuf,
    /// Targets of a `.npy` file, `[rows, outputs]`, or of images, paired by name or row by row; the
    /// same file as `train` for an autoencoder of whatever it holds.
    pub targets: Option<PathBuf>,
    /// A file like `train` to validate on.
    pub validation: Option<PathBuf>,
    /// A file like `targets` for it.
    pub validation_targets: Option<PathBuf>,
    /// Part of the training rows to validate on, where there is no file for it; 0 for none.
    #[serde(default)]
    pub validation_split: f64,
    /// Column or key of the text.
    #[serde(default = "default_text_column")]
    pub text_column: String,
    /// Column or key of the label of a text.
    #[serde(default = "default_label_column")]
    pub label_column: String,
    /// Column of a table's target; a CSV file is a table where this is given.
    pub target_column: Option<String>,
    /// Whether a table's targets are `classes` or a `regression`; told from the data if not given.
    pub task: Option<crate::data::TableTask>,
    /// Whether labels may stand in one row only.
    #[serde(default)]
    pub allow_single_labels: bool,
    /// Whether rows without a known word are left out instead of refused.
    #[serde(default)]
    pub skip_unknown: bool,
}

fn default_text_column() -> String {
    "text".into()
}

fn default_label_column() -> String {
    "label".into()
}

impl DataConfig {
    /// Training on this file, with every other key at its default.
    pub fn new(train: impl Into<PathBuf>) -> DataConfig {
        DataConfig {
            train: train.into(),
            targets: None,
            validation: None,
            validation_targets: None,
            validation_split: 0.0,
            text_column: default_text_column(),
            label_column: default_label_column(),
            target_column: None,
            task: None,
            allow_single_labels: false,
            skip_unknown: false,
        }
    }
}

/// How an embedding's vectors become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Their mean, padding left out.
    #[default]
    Mean,
    /// All of them, behind one another.
    Flatten,
}

/// Layers and first weights. Where no layers are given, they are the usual ones: for texts an
/// embedding, a pool, hidden layers and a head; for tables and matrices hidden layers and a head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// The layers, the head included. An embedding's `rows = 0` means as many as the data need.
    pub layers: Option<Vec<Layer>>,
    /// Width of the embedding.
    pub embedding_units: usize,
    /// How its vectors become one.
    pub pool: Pool,
    /// Units of each hidden layer, with relu.
    pub hidden: Vec<usize>,
    /// Units of an autoencoder's encoder, with relu but for the last, the code; the decoder mirrors
    /// them.
    pub encoder: Vec<usize>,
    /// How an autoencoder of texts combines the vectors of a text's words.
    pub combine: BagMode,
    /// A model whose encoder stands in place of a fresh one.
    pub encoder_from: Option<PathBuf>,
    /// Whether that encoder keeps its weights.
    pub freeze_encoder: bool,
    /// Rate of dropout before every dense layer; 0 for none.
    pub dropout: f64,
    /// A safetensors file of weights by name; weights that it does not name are fresh.
    pub initial_weights: Option<PathBuf>,
}

impl Default for ModelConfig {
    fn default() -> Self {
        ModelConfig {
            layers: None,
            embedding_units: 16,
            pool: Pool::Mean,
            hidden: Vec::new(),
            encoder: Vec::new(),
            combine: BagMode::SqrtN,
            encoder_from: None,
            freeze_encoder: false,
            dropout: 0.0,
            initial_weights: None,
        }
    }
}

/// Loss, optimizer, epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// The loss; the one that goes with the last activation if not given.
    pub loss: Option<Loss>,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Whether the learning rate is lowered for rows of more than 784 features, by the root of how
    /// many times more: a step moves a unit by as much as it has inputs.
    pub adapt_learning_rate: bool,
    /// How its learning rate moves.
    pub schedule: Schedule,
    /// How gradients are clipped: `{ norm = 1.0 }` or `{ value = 0.5 }`.
    pub clip: Option<Clip>,
    /// Part of each label that is spread evenly over the classes in training, from 0 to below 1.
    pub label_smoothing: f64,
    /// Passes over the data, at most.
    pub epochs: usize,
    /// Rows of a step.
    pub batch_size: usize,
    /// Whether each epoch takes the rows in an order of its own.
    pub shuffle: bool,
    /// Of weights, shuffling, dropout and the validation split.
    pub seed: u64,
    /// Epochs without a better validation loss before training stops and takes the best weights;
    /// 0 for never.
    pub patience: usize,
    /// Noise on the inputs that the model learns to undo: `gaussian:0.3`, `salt-pepper:0.1`,
    /// `mask:0.25`.
    pub noise: Option<String>,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        let trainer = Trainer::default();
        TrainingConfig {
            loss: None,
            optimizer: trainer.optimizer,
            adapt_learning_rate: false,
            schedule: trainer.schedule,
            clip: None,
            label_smoothing: 0.0,
            epochs: trainer.epochs,
            batch_size: trainer.batch_size,
            shuffle: trainer.shuffle,
            seed: trainer.seed,
            patience: 0,
            noise: None,
        }
    }
}

/// Files to write; a run that names none writes none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputConfig {
    /// The model.
    pub model: Option<PathBuf>,
    /// Loss and accuracy by epoch, as JSON.
    pub history: Option<PathBuf>,
    /// The same, as a PNG.
    pub plot: Option<PathBuf>,
    /// Where the run is kept between epochs. A run that finds the file goes on from it, to the
    /// same bits; it is removed when the run is done.
    pub checkpoint: Option<PathBuf>,
}

impl RunConfig {
    /// A run on this data, with every other key at its default.
    pub fn new(data: DataConfig) -> RunConfig {
        RunConfig {
            data,
            text: TextOptions::default(),
            images: ImageOptions::default(),
            model: ModelConfig::default(),
            training: TrainingConfig::default(),
            output: OutputConfig::default(),
        }
    }

    /// Units of an encoder of numbers where none are given.
    pub const ENCODER: [usize; 3] = [128, 64, 32];

    /// Units of an encoder that undoes noise where none are given.
    pub const DENOISING_ENCODER: [usize; 2] = [512, 256];

    /// Units of an encoder of texts where none are given.
    pub const TEXT_ENCODER: [usize; 1] = [100];

    /// An autoencoder of what `data` holds, with every other key at its default.
    pub fn autoencoder(data: impl Into<PathBuf>) -> RunConfig {
        let mut config = RunConfig::new(DataConfig::new(data));
        config.data.targets = Some(config.data.train.clone());
        config
    }

    /// Reads a TOML file; paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, [`Error::Data`] when it is no TOML or holds an
    /// unknown key or a wrong value, with the place.
    pub fn read(path: &Path) -> Result<RunConfig> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?;
        let mut config: RunConfig = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            Error::line(path, line as u64, error.message().to_owned())
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.each_path(|path| *path = folder.join(&*path));
        Ok(config)
    }

    fn each_path(&mut self, mut change: impl FnMut(&mut PathBuf)) {
        let data = &mut self.data;
        change(&mut data.train);
        let optional = [
            &mut data.targets,
            &mut data.validation,
            &mut data.validation_targets,
            &mut self.model.initial_weights,
            &mut self.model.encoder_from,
            &mut self.output.model,
            &mut self.output.history,
            &mut self.output.plot,
            &mut self.output.checkpoint,
        ];
        optional.into_iter().flatten().for_each(change);
    }

    /// Checks what can be checked before any file is read.
    pub(super) fn check(&self) -> Result<()> {
        let has_validation = self.data.validation.is_some() || self.data.validation_split > 0.0;
        if self.training.patience > 0 && !has_validation {
            return Err(Error::usage(
                "early stopping needs rows to validate on; give a validation split or file, or a patience of 0",
            ));
        }
        if self.training.epochs == 0 {
            return Err(Error::usage("0 epochs train nothing; take at least 1"));
        }
        if self.model.encoder.contains(&0) {
            return Err(Error::usage("a layer of 0 units holds nothing; give each at least 1"));
        }
        if self.model.freeze_encoder && self.model.encoder_from.is_none() {
            return Err(Error::usage(
                "only an encoder that was trained before can be frozen; name its model with --encoder-from",
            ));
        }
        self.noise()?;
        if self.model.embedding_units == 0 {
            return Err(Error::usage("an embedding of width 0 holds nothing; take at least 1"));
        }
        for output in
            [&self.output.model, &self.output.history, &self.output.plot].into_iter().flatten()
        {
            let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
            if folder.is_some_and(|folder| !folder.is_dir()) {
                return Err(Error::usage(format!(
                    "{} cannot be written: its folder does not exist; make it first",
                    output.display()
                )));
            }
        }
        Ok(())
    }

    /// The noise that the run asks for.
    pub(super) fn noise(&self) -> Result<Option<Noise>> {
        self.training.noise.as_deref().map(str::parse).transpose()
    }

    /// Whether the layers are those of an encoder and its decoder.
    pub(super) fn builds_autoencoder(&self) -> bool {
        let model = &self.model;
        let asks = !model.encoder.is_empty() || model.encoder_from.is_some();
        model.layers.is_none() && (asks || self.is_autoencoder() && model.hidden.is_empty())
    }

    /// Whether the targets are the inputs.
    pub(super) fn is_autoencoder(&self) -> bool {
        self.data.targets.as_ref() == Some(&self.data.train)
    }

    /// The trainer that the run asks for, for rows that a model of `input` reads.
    pub(super) fn trainer(&self, input: Input) -> Trainer {
        let training = &self.training;
        let optimizer = match input {
            Input::Matrix { features } if training.adapt_learning_rate => {
                training.optimizer.scaled((784.0 / features.max(1) as f64).sqrt().min(1.0))
            }
            _ => training.optimizer,
        };
        let patience = training.patience;
        Trainer {
            epochs: training.epochs,
            batch_size: training.batch_size,
            shuffle: training.shuffle,
            seed: training.seed,
            optimizer,
            schedule: training.schedule,
            clip: training.clip,
            label_smoothing: training.label_smoothing,
            early_stopping: (patience > 0).then_some(EarlyStopping { patience }),
            frozen_layers: 0,
            fusions: Fusions::ALL,
        }
    }
}
