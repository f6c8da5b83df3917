//! `wgslearn train`: from files to a model.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::progress::Progress;
use super::{DeviceOption, note, print};
use crate::data::{ImageOptions, TableTask};
use crate::error::Error;
use crate::model::{BagMode, Loss};
use crate::run::{DataConfig, Pool, RunConfig, WordsConfig, train, train_words};
use crate::text::Side;
use crate::train::{Optimizer, Profile, Schedule, Session, WordMethod, WordTrainer};

/// Train a model: a classifier, an autoencoder, a translation, or what a TOML file says
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  wgslearn train text reviews.csv -o model.safetensors
  wgslearn train text reviews.csv --word-ngrams 2 --plot history.png
  wgslearn train table houses.csv --target price --hidden 100,50,20
  wgslearn train autoencoder train-images-idx3-ubyte.gz --layers 128,64,32
  wgslearn train translate --input plain/ --target glasses/ --size 64x64
  wgslearn train --config run.toml --device gpu"
)]
pub(super) struct Options {
    #[command(subcommand)]
    kind: Option<Kind>,
    /// A TOML file that describes the run; paths in it are relative to it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Take this seed instead of the file's
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    show: ShowOptions,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// A classifier of texts: CSV, TSV, JSON lines, or lines with __label__
    Text(Box<TextOptions>),
    /// A classifier or regression on a table of numbers: CSV or TSV with a header
    Table(Box<TableOptions>),
    /// An autoencoder of images, matrices or texts: codes, denoising, reconstruction
    Autoencoder(Box<AutoencoderOptions>),
    /// A model from images to images, paired by file name or row by row
    Translate(Box<TranslateOptions>),
    /// Word vectors by themselves: skip-gram or CBOW with negative sampling
    Words(Box<WordsOptions>),
}

#[derive(Debug, Args)]
struct ShowOptions {
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object instead of a summary
    #[arg(long, global = true)]
    json: bool,
    /// Show no progress
    #[arg(long, global = true)]
    quiet: bool,
    /// Before training, measure what a step costs by kernel and where the host waits
    #[arg(long, global = true)]
    profile: bool,
}

/// Options of every kind.
#[derive(Debug, Args)]
struct CommonOptions {
    /// Where to write the model
    #[arg(short, long, value_name = "FILE", default_value = "model.safetensors")]
    output: PathBuf,
    /// Where to write loss and accuracy by epoch, as JSON
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Where to write them as a PNG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Keep the run here between epochs; a run that finds the file goes on from it
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// A file to validate on
    #[arg(long, value_name = "FILE")]
    validation_file: Option<PathBuf>,
    /// Part of the rows to validate on where there is no file for it; 0 for none
    #[arg(long, value_name = "PART", default_value_t = 0.1)]
    validation_split: f64,
    /// Passes over the data, at most
    #[arg(long, default_value_t = 50)]
    epochs: usize,
    /// Rows of a step; 64 for texts, 32 for others unless given
    #[arg(long)]
    batch_size: Option<usize>,
    /// The optimizer
    #[arg(long, value_enum, default_value = "adam")]
    optimizer: OptimizerName,
    /// Step size; for adam 0.001 on tables and 0.003 otherwise, lower for images of more than 784
    /// pixels; for sgd 0.01 unless given
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Momentum of sgd
    #[arg(long, default_value_t = 0.9)]
    momentum: f64,
    /// How the learning rate moves over the epochs; cosine for autoencoders and translations,
    /// constant for others unless given
    #[arg(long, value_enum)]
    schedule: Option<ScheduleName>,
    /// Epochs without a better validation loss before training stops; 0 for never
    #[arg(long, default_value_t = 3)]
    patience: usize,
    /// Take the rows in the file's order in every epoch
    #[arg(long)]
    no_shuffle: bool,
    /// Seed of weights, order, dropout, noise and the validation split
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OptimizerName {
    Adam,
    Sgd,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScheduleName {
    Constant,
    Cosine,
    Cooldown,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PoolName {
    Mean,
    Flatten,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SideName {
    Pre,
    Post,
}

impl From<SideName> for Side {
    fn from(side: SideName) -> Side {
        match side {
            SideName::Pre => Side::Pre,
            SideName::Post => Side::Post,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn train text reviews.csv
  wgslearn train text tweets.jsonl --text-column body --label-column mood --word-ngrams 2
  wgslearn train text train.txt --validation-file valid.txt --hidden 32 --seed 1")]
struct TextOptions {
    /// The texts with their labels: .csv and .tsv with a header, .jsonl, or lines with __label__
    file: PathBuf,
    /// Column or key of the text
    #[arg(long, default_value = "text")]
    text_column: String,
    /// Column or key of the label
    #[arg(long, default_value = "label")]
    label_column: String,
    /// Words in the vocabulary at most; 0 for all
    #[arg(long, default_value_t = 0)]
    vocab_size: usize,
    /// Leave words out of the vocabulary that are seen less often
    #[arg(long, default_value_t = 1)]
    min_count: usize,
    /// Hash words into this many ids instead of a vocabulary (Keras' one_hot); 0 for none
    #[arg(long, value_name = "IDS", default_value_t = 0)]
    hash_size: usize,
    /// Words of the longest n-gram
    #[arg(long, value_name = "N", default_value_t = 1)]
    word_ngrams: usize,
    /// Buckets that n-grams are hashed into
    #[arg(long, default_value_t = 500_000)]
    ngram_buckets: usize,
    /// Words of a row at most; 0 for those of the longest text, at most 400
    #[arg(long, default_value_t = 0)]
    max_length: usize,
    /// Where short rows are filled with 0
    #[arg(long, value_enum, default_value = "post")]
    padding: SideName,
    /// Where long rows are cut
    #[arg(long, value_enum, default_value = "post")]
    truncation: SideName,
    /// Width of the embedding
    #[arg(long, default_value_t = 16)]
    dim: usize,
    /// How a text's vectors become one
    #[arg(long, value_enum, default_value = "mean")]
    pool: PoolName,
    /// Rate of dropout before every dense layer
    #[arg(long, default_value_t = 0.5)]
    dropout: f64,
    /// Leave out texts without a known word instead of refusing them
    #[arg(long)]
    skip_unknown: bool,
    #[command(flatten)]
    classifier: ClassifierOptions,
    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn train table iris.csv --target species
  wgslearn train table houses.csv --target price --hidden 100,50,20 --epochs 200")]
struct TableOptions {
    /// The table: CSV or TSV with a header; every column but the target is a feature
    file: PathBuf,
    /// Name of the target column
    #[arg(long, value_name = "COLUMN")]
    target: String,
    /// What the target is; told from the data unless given
    #[arg(long, value_enum)]
    task: Option<TaskName>,
    /// Rate of dropout before every dense layer but the first
    #[arg(long, default_value_t = 0.0)]
    dropout: f64,
    #[command(flatten)]
    classifier: ClassifierOptions,
    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TaskName {
    Classes,
    Regression,
}

/// What differs between the kinds where no option says otherwise.
struct Defaults {
    learning_rate: f64,
    schedule: Schedule,
    batch_size: usize,
    adapt_learning_rate: bool,
}

impl Defaults {
    const TEXT: Defaults = Defaults {
        learning_rate: 3e-3,
        schedule: Schedule::Constant,
        batch_size: 64,
        adapt_learning_rate: false,
    };
    const TABLE: Defaults = Defaults { learning_rate: 1e-3, batch_size: 32, ..Defaults::TEXT };
    const AUTOENCODER: Defaults = Defaults {
        learning_rate: 3e-3,
        schedule: Schedule::Cosine,
        batch_size: 32,
        adapt_learning_rate: true,
    };
}

/// Options of classifiers.
#[derive(Debug, Args)]
struct ClassifierOptions {
    /// Units of hidden layers, with relu: 64,32
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    hidden: Vec<usize>,
    /// Accept labels that stand in one row only
    #[arg(long)]
    allow_single_labels: bool,
}

/// Options of models that read images.
#[derive(Debug, Args)]
struct ImageArguments {
    /// Resize every image to WIDTHxHEIGHT
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    size: Option<(usize, usize)>,
    /// Make every image grey
    #[arg(long)]
    grey: bool,
    /// Noise that the model learns to undo, drawn anew for every step: gaussian:0.3,
    /// salt-pepper:0.1, mask:0.25
    #[arg(long)]
    noise: Option<String>,
}

/// "64x48" as (64, 48).
fn parse_size(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once(['x', 'X']);
    let parsed = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    parsed.ok_or_else(|| format!("\"{text}\" is no size; write width and height as 64x48"))
}

/// What an autoencoder's outputs are held against.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LossName {
    /// Mean squared error
    Mse,
    /// Binary cross-entropy, of data from 0 to 1
    Bce,
    /// Softmax cross-entropy, of texts
    Softmax,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn train autoencoder train-images-idx3-ubyte.gz --layers 128,64,32
  wgslearn train autoencoder photos/ --size 64x64 --grey --noise gaussian:0.3
  wgslearn train autoencoder reviews.csv --layers 100       the text column's bags of words")]
struct AutoencoderOptions {
    /// Images (an IDX file, a folder of PNG and JPEG files), a matrix (.npy, .csv), or texts (.csv
    /// and .tsv with a text column, .jsonl, .txt)
    data: PathBuf,
    /// Units of the encoder's layers, the last the code; the decoder mirrors them. 128,64,32 for
    /// numbers, 512,256 with noise, 100 for texts unless given
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    layers: Vec<usize>,
    /// The loss; mse for numbers, softmax for texts unless given
    #[arg(long, value_enum)]
    loss: Option<LossName>,
    #[command(flatten)]
    images: ImageArguments,
    /// Column or key of the text
    #[arg(long, default_value = "text")]
    text_column: String,
    /// Words in the vocabulary at most; 0 for all
    #[arg(long, default_value_t = 0)]
    vocab_size: usize,
    /// Leave words out of the vocabulary that are seen less often
    #[arg(long, default_value_t = 2)]
    min_count: usize,
    /// How a text's words become one vector
    #[arg(long, value_enum, default_value = "sqrt")]
    combine: CombineName,
    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CombineName {
    Sum,
    Mean,
    Sqrt,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn train translate --input plain/ --target glasses/ --size 64x64 --grey
  wgslearn train translate --input x.npy --target y.npy --layers 256,64
  wgslearn train translate --input plain/ --target glasses/ \\
      --encoder-from autoencoder.safetensors --freeze-encoder")]
struct TranslateOptions {
    /// Images that the model reads: a folder, an IDX file or a .npy file
    #[arg(long, value_name = "DATA")]
    input: PathBuf,
    /// Images that it shall give, paired by file name or row by row; their size may differ
    #[arg(long, value_name = "DATA")]
    target: PathBuf,
    /// Targets of the validation file
    #[arg(long, value_name = "DATA")]
    validation_target: Option<PathBuf>,
    /// Units of the encoder's layers, the last the code; the decoder mirrors them. 512,256 unless
    /// given. With --encoder-from the decoder's alone, from its last
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    layers: Vec<usize>,
    /// Take the encoder of this model instead of a fresh one
    #[arg(long, value_name = "MODEL")]
    encoder_from: Option<PathBuf>,
    /// Leave that encoder as it is, and train a decoder alone
    #[arg(long)]
    freeze_encoder: bool,
    /// The loss; mse unless given
    #[arg(long, value_enum)]
    loss: Option<LossName>,
    #[command(flatten)]
    images: ImageArguments,
    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MethodName {
    Skipgram,
    Cbow,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  wgslearn train words corpus.txt -o words.safetensors
  wgslearn train words reviews.csv --method cbow --dim 50 --epochs 20
Then: wgslearn neighbours words.safetensors film")]
struct WordsOptions {
    /// Texts: a line each, or the text column of a .csv, .tsv or .jsonl file
    file: PathBuf,
    /// Where to write the model
    #[arg(short, long, value_name = "FILE", default_value = "words.safetensors")]
    output: PathBuf,
    /// Column or key of the text
    #[arg(long, default_value = "text")]
    text_column: String,
    /// What predicts what
    #[arg(long, value_enum, default_value = "skipgram")]
    method: MethodName,
    /// Width of the vectors
    #[arg(long, default_value_t = 100)]
    dim: usize,
    /// Words on either side of a word that are near it, at most
    #[arg(long, default_value_t = 5)]
    window: usize,
    /// Wrong words that each right one is held against
    #[arg(long, default_value_t = 5)]
    negatives: usize,
    /// Words more frequent than this share of all are dropped at random; 0 keeps all
    #[arg(long, value_name = "SHARE", default_value_t = 1e-3)]
    subsample: f64,
    /// Leave words out that are seen less often
    #[arg(long, default_value_t = 5)]
    min_count: usize,
    /// Words in the vocabulary at most; 0 for all
    #[arg(long, default_value_t = 0)]
    vocab_size: usize,
    /// Passes over the words
    #[arg(long, default_value_t = 5)]
    epochs: usize,
    /// Adagrad's step size
    #[arg(long, default_value_t = 0.1)]
    learning_rate: f64,
    /// Words of the text that a step takes
    #[arg(long, default_value_t = 1024)]
    words_per_step: usize,
    /// Seed of the first vectors and every draw
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

impl CommonOptions {
    fn apply(&self, config: &mut RunConfig, usual: &Defaults) {
        let data = &mut config.data;
        data.validation = self.validation_file.clone();
        data.validation_split = match self.validation_file {
            Some(_) => 0.0,
            None => self.validation_split,
        };
        let training = &mut config.training;
        training.optimizer = match self.optimizer {
            OptimizerName::Adam => {
                Optimizer::adam(self.learning_rate.unwrap_or(usual.learning_rate))
            }
            OptimizerName::Sgd => Optimizer::sgd(self.learning_rate.unwrap_or(0.01), self.momentum),
        };
        training.adapt_learning_rate = usual.adapt_learning_rate && self.learning_rate.is_none();
        training.schedule = match self.schedule {
            None => usual.schedule,
            Some(ScheduleName::Constant) => Schedule::Constant,
            Some(ScheduleName::Cosine) => Schedule::Cosine,
            Some(ScheduleName::Cooldown) => Schedule::Cooldown,
        };
        training.epochs = self.epochs;
        training.batch_size = self.batch_size.unwrap_or(usual.batch_size);
        training.shuffle = !self.no_shuffle;
        training.seed = self.seed;
        // Without rows to validate on there is nothing to be patient with.
        let validates = data.validation.is_some() || data.validation_split > 0.0;
        training.patience = if validates { self.patience } else { 0 };
        config.output.model = Some(self.output.clone());
        config.output.history = self.history.clone();
        config.output.plot = self.plot.clone();
        config.output.checkpoint = self.checkpoint.clone();
    }
}

impl TextOptions {
    fn config(&self) -> RunConfig {
        let mut config = RunConfig::new(DataConfig::new(&self.file));
        config.data.text_column = self.text_column.clone();
        config.data.label_column = self.label_column.clone();
        config.data.skip_unknown = self.skip_unknown;
        config.text = crate::text::TextOptions {
            vocab_size: self.vocab_size,
            min_count: self.min_count,
            hash_size: self.hash_size,
            word_ngrams: self.word_ngrams,
            ngram_buckets: self.ngram_buckets,
            max_length: self.max_length,
            padding: self.padding.into(),
            truncation: self.truncation.into(),
        };
        config.model.embedding_units = self.dim;
        config.model.dropout = self.dropout;
        config.model.pool = match self.pool {
            PoolName::Mean => Pool::Mean,
            PoolName::Flatten => Pool::Flatten,
        };
        self.classifier.apply(&mut config);
        self.common.apply(&mut config, &Defaults::TEXT);
        config
    }
}

impl TableOptions {
    fn config(&self) -> RunConfig {
        let mut config = RunConfig::new(DataConfig::new(&self.file));
        config.data.target_column = Some(self.target.clone());
        config.data.task = self.task.map(|task| match task {
            TaskName::Classes => TableTask::Classes,
            TaskName::Regression => TableTask::Regression,
        });
        config.model.dropout = self.dropout;
        self.classifier.apply(&mut config);
        self.common.apply(&mut config, &Defaults::TABLE);
        config
    }
}

impl ClassifierOptions {
    fn apply(&self, config: &mut RunConfig) {
        config.data.allow_single_labels = self.allow_single_labels;
        config.model.hidden = self.hidden.clone();
    }
}

impl ImageArguments {
    fn apply(&self, config: &mut RunConfig) {
        config.images = ImageOptions { size: self.size, grey: self.grey };
        config.training.noise = self.noise.clone();
    }
}

impl LossName {
    fn loss(self) -> Loss {
        match self {
            LossName::Mse => Loss::Mse,
            LossName::Bce => Loss::BinaryCrossentropy,
            LossName::Softmax => Loss::CategoricalCrossentropy,
        }
    }
}

impl AutoencoderOptions {
    fn config(&self) -> RunConfig {
        let mut config = RunConfig::autoencoder(&self.data);
        config.data.text_column = self.text_column.clone();
        // A text without a known word has nothing to give back.
        config.data.skip_unknown = true;
        config.text.vocab_size = self.vocab_size;
        config.text.min_count = self.min_count;
        config.model.encoder = self.layers.clone();
        config.model.combine = match self.combine {
            CombineName::Sum => BagMode::Sum,
            CombineName::Mean => BagMode::Mean,
            CombineName::Sqrt => BagMode::SqrtN,
        };
        config.training.loss = self.loss.map(LossName::loss);
        self.images.apply(&mut config);
        self.common.apply(&mut config, &Defaults::AUTOENCODER);
        config
    }
}

impl TranslateOptions {
    fn config(&self) -> RunConfig {
        let mut config = RunConfig::new(DataConfig::new(&self.input));
        config.data.targets = Some(self.target.clone());
        config.data.validation_targets = self.validation_target.clone();
        config.model.encoder = match (&self.encoder_from, &self.layers[..]) {
            (None, []) => RunConfig::DENOISING_ENCODER.to_vec(),
            (_, units) => units.to_vec(),
        };
        config.model.encoder_from = self.encoder_from.clone();
        config.model.freeze_encoder = self.freeze_encoder;
        config.training.loss = self.loss.map(LossName::loss);
        self.images.apply(&mut config);
        self.common.apply(&mut config, &Defaults::AUTOENCODER);
        config
    }
}

impl WordsOptions {
    fn config(&self) -> WordsConfig {
        WordsConfig {
            train: self.file.clone(),
            text_column: self.text_column.clone(),
            min_count: self.min_count,
            vocab_size: self.vocab_size,
            trainer: WordTrainer {
                method: match self.method {
                    MethodName::Skipgram => WordMethod::Skipgram,
                    MethodName::Cbow => WordMethod::Cbow,
                },
                units: self.dim,
                window: self.window,
                negatives: self.negatives,
                subsample: self.subsample,
                epochs: self.epochs,
                words_per_step: self.words_per_step,
                learning_rate: self.learning_rate,
                seed: self.seed,
            },
            output: self.output.clone(),
        }
    }
}

fn run_words(options: &WordsOptions, show: &ShowOptions) -> anyhow::Result<()> {
    let config = options.config();
    let device = show.device.open()?;
    let mut progress = Progress::new(config.trainer.epochs, show.quiet);
    let mut sizes = (0, 0);
    let (model, history) = train_words(
        &config,
        &device,
        &mut |vocabulary, words| {
            sizes = (vocabulary, words);
            if !show.quiet && !show.json {
                note(format_args!(
                    "Training vectors of {vocabulary} words on {words} words, on {}.",
                    device.name()
                ));
            }
        },
        &mut |epoch| progress.report(epoch),
    )?;
    progress.finish();
    if show.json {
        return print(serde_json::json!({
            "device": device.name(),
            "backend": device.kind().name(),
            "model": config.output,
            "parameters": model.parameter_count(),
            "vocabulary": sizes.0,
            "words": sizes.1,
            "epochs": history.loss.len(),
            "history": history,
        }));
    }
    let loss = history.loss.last().copied().unwrap_or_default();
    print(format_args!("words {}  epochs {}  loss {loss:.4}", sizes.0, history.loss.len()))?;
    note(format_args!("The vectors are in {}.", config.output.display()));
    Ok(())
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(Kind::Words(words)) = &options.kind {
        let seed = options.seed.unwrap_or(words.seed);
        let words = WordsOptions { seed, ..(**words).clone() };
        return run_words(&words, &options.show);
    }
    let mut config = match (&options.kind, &options.config) {
        (Some(Kind::Text(text)), _) => text.config(),
        (Some(Kind::Table(table)), _) => table.config(),
        (Some(Kind::Autoencoder(autoencoder)), _) => autoencoder.config(),
        (Some(Kind::Translate(translate)), _) => translate.config(),
        // Taken care of above.
        (Some(Kind::Words(_)), _) => return Ok(()),
        (None, Some(path)) => RunConfig::read(path)?,
        (None, None) => {
            return Err(Error::usage(
                "say what to train on: `wgslearn train text FILE`, `wgslearn train table FILE --target COLUMN`, `wgslearn train autoencoder DATA`, `wgslearn train translate --input A --target B`, or `wgslearn train --config FILE`",
            )
            .into());
        }
    };
    if let Some(seed) = options.seed {
        config.training.seed = seed;
    }
    let show = &options.show;
    let device = show.device.open()?;
    let mut progress = Progress::new(config.training.epochs, show.quiet);
    let mut profile = None;
    let outcome = train(
        &config,
        &device,
        &mut |model, loaded, trainer| {
            if !show.quiet && !show.json {
                let rows = loaded.training.rows();
                note(format_args!("{}\n", model.summary()));
                note(format_args!("Training on {rows} rows, on {}.", device.name()));
            }
            if show.profile {
                let found = Session::new(model, trainer, &loaded.training, None, &device)?;
                let found = found.profile()?;
                if !show.json {
                    note(&found);
                }
                profile = Some(found);
            }
            Ok(())
        },
        &mut |epoch| progress.report(epoch),
    )?;
    progress.finish();
    let history = &outcome.history;
    let last = history.best_epoch.unwrap_or(history.loss.len()).saturating_sub(1);
    if show.json {
        return print(serde_json::json!({
            "device": device.name(),
            "backend": device.kind().name(),
            "model": config.output.model,
            "parameters": outcome.model.parameter_count(),
            "training_rows": outcome.training_rows,
            "validation_rows": outcome.validation_rows,
            "epochs": history.loss.len(),
            "history": history,
            "profile": profile.as_ref().map(Profile::json),
        }));
    }
    let mut text = format!("epochs {}", history.loss.len());
    if let Some(best) = history.best_epoch {
        text += &format!(" (best {best})");
    }
    let curves = [
        ("loss", &history.loss),
        ("accuracy", &history.accuracy),
        ("val_loss", &history.val_loss),
        ("val_accuracy", &history.val_accuracy),
    ];
    for (name, values) in curves {
        if let Some(value) = values.get(last) {
            text += &format!("  {name} {value:.4}");
        }
    }
    print(text)?;
    if let Some(path) = &config.output.model {
        note(format_args!("The model is in {}.", path.display()));
    }
    Ok(())
}
