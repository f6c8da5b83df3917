//! The settings of a run, each declared once: documentation, name, type, default, flag, range, and the kinds
//! of run that read it. CONTRIBUTING.md says how to add one.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::defaults::Defaults;
use super::networks::Network;
use super::setting::RunKind::{Arrays, Autoencoder, Images, Table, Text, Translate, Words};
use super::setting::{
    AnyValue, Arity, Kinds, Range, Result, RunKind, Setting, SettingType, Spec, settings,
};
use crate::data::{Format, Missing, TableTask};
use crate::layers::{BagMode, Layer};
use crate::losses::Loss;
use crate::optimizers::{Optimizer, Schedule};
use crate::text::{Side, Subwords, TextOptions, Tokens};
use crate::train::{OnNan, WordMethod, WordTrainer};

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

/// Whether a model of several labels a row gets thresholds that are found on the validation rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TuneThreshold {
    /// None: a label is answered from 0.5 on, or from the threshold that is given.
    #[default]
    No,
    /// One for all labels.
    One,
    /// One for each label.
    Each,
}

/// A time: 30s, 5m, 2h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Every(Duration);

impl From<Every> for Duration {
    fn from(every: Every) -> Duration {
        every.0
    }
}

impl From<Every> for String {
    fn from(every: Every) -> String {
        in_units(every.0.as_secs(), &[("h", 3600), ("m", 60), ("s", 1)])
    }
}

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Every, String> {
        text.parse()
    }
}

impl std::str::FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Every, String> {
        let units = [("s", 1), ("m", 60), ("h", 3600)];
        let found = units.into_iter().find_map(|(unit, seconds)| {
            let number: u64 = text.trim().strip_suffix(unit)?.trim_end().parse().ok()?;
            number.checked_mul(seconds)
        });
        match found {
            Some(seconds) if (1..=MANY).contains(&seconds) => {
                Ok(Every(Duration::from_secs(seconds)))
            }
            _ => Err("a time of a second and more: 30s, 5m or 2h".into()),
        }
    }
}

/// A number in the first of these units of which it is a multiple, the largest first; it is one of the last.
fn in_units(number: u64, units: &[(&str, u64)]) -> String {
    let found = units.iter().find(|(_, size)| number.is_multiple_of(*size));
    found.map_or(number.to_string(), |(unit, size)| format!("{}{unit}", number / size))
}

/// An amount of memory: 1500MB, 2GB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(u64);

impl Bytes {
    /// How many bytes.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// Units of memory, the largest first.
const UNITS: [(&str, u64); 3] =
    [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000)];

/// What rows that are read in blocks take at least.
const LEAST_MEMORY: u64 = 1_000_000_000;

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> String {
        in_units(bytes.0, &UNITS)
    }
}

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Bytes, String> {
        text.parse()
    }
}

impl std::str::FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Bytes, String> {
        let text = text.trim().to_ascii_uppercase();
        let found = UNITS.iter().find_map(|(unit, size)| {
            let number: f64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
            Some((number * *size as f64) as u64).filter(|_| number.is_finite() && number >= 0.0)
        });
        match found {
            // Whole megabytes, so that it is written as it is read.
            Some(bytes) if bytes >= LEAST_MEMORY => Ok(Bytes(bytes / 1_000_000 * 1_000_000)),
            _ => Err("memory of 1GB and more: 1500MB, 2GB".into()),
        }
    }
}

const ALL: Kinds = &RunKind::ALL;
/// Kinds with a model, epochs of rows and validation.
const MODELS: Kinds = &[Text, Table, Images, Autoencoder, Translate, Arrays];
const OF_TEXTS: Kinds = &[Text, Autoencoder];
const WITH_WORDS: Kinds = &[Text, Autoencoder, Words];
/// Kinds that read rows of text files.
const ROWS: Kinds = &[Text, Table, Images, Autoencoder, Words];
/// Kinds whose rows may be more than memory holds.
const LARGE: Kinds = &[Text, Table, Autoencoder, Translate, Arrays];
const CODERS: Kinds = &[Autoencoder, Translate];
const PICTURES: Kinds = &[Images, Autoencoder, Translate];
const PAIRED: Kinds = &[Translate, Autoencoder, Arrays];
const NUMBERS: Kinds = &[Autoencoder, Translate, Table, Arrays];

/// The headings of help.
pub const HEADINGS: [&str; 7] = ["Data", "Text", "Images", "Model", "Training", "Output", "Device"];

const fn data(kinds: Kinds, flag: &'static str) -> Spec {
    Spec::new("Data", kinds, flag)
}
const fn text(kinds: Kinds, flag: &'static str) -> Spec {
    Spec::new("Text", kinds, flag)
}
const fn images(kinds: Kinds, flag: &'static str) -> Spec {
    Spec::new("Images", kinds, flag)
}
const fn model(kinds: Kinds, flag: &'static str) -> Spec {
    Spec::new("Model", kinds, flag)
}
const fn training(kinds: Kinds, flag: &'static str) -> Spec {
    Spec::new("Training", kinds, flag)
}
const fn output(kinds: Kinds, flag: &'static str) -> Spec {
    Spec { value_name: "FILE", ..Spec::new("Output", kinds, flag) }
}

/// A whole number in this range, called NUMBER.
const fn whole(low: u64, high: u64, spec: Spec) -> Spec {
    Spec { range: Range::Whole(low, high), ..spec }
}
const fn range(range: Range, spec: Spec) -> Spec {
    Spec { range, ..spec }
}
const fn called(value_name: &'static str, spec: Spec) -> Spec {
    Spec { value_name, ..spec }
}

/// Ids of a table at most: they are 32-bit numbers, n-grams' behind words'.
const MOST_IDS: u64 = 1 << 30;
/// Words of a row at most.
const MOST_WORDS: u64 = 1 << 20;
/// Units of a layer at most.
const MOST_UNITS: u64 = 1 << 24;
/// Seeds are what a TOML file can hold.
const MOST_SEED: u64 = i64::MAX as u64;
/// Where whole numbers only count something.
const MANY: u64 = 1 << 32;

settings! {
    /// Files and columns.
    data: struct DataConfig, GivenData {
        /// What to learn from: texts (.csv and .tsv with a header, .jsonl, lines with __label__), a table (.csv, .tsv),
        /// ids or a matrix (.npy), or images (an IDX file, a folder of PNG and JPEG files; with labels a folder of one
        /// folder a class, or a .csv of paths and labels).
        train: PathBuf = |_| PathBuf::new(), called("FILE", data(ALL, "input"));
        /// What the model shall give: the targets of a .npy file, [rows, outputs], or images, paired by file name or
        /// row by row; the same file as `train` for an autoencoder.
        targets: Option<PathBuf> = |of| of.targets.clone(), called("DATA", data(PAIRED, "target"));
        /// A file like `train` to validate on.
        validation: Option<PathBuf> = |_| None, called("FILE", data(MODELS, "validation-file"));
        /// A file like `targets` for it.
        validation_targets: Option<PathBuf> = |_| None,
            called("DATA", data(PAIRED, "validation-target"));
        /// A file or folder like `train` to test the trained model on: a report of it is printed.
        test: Option<PathBuf> = |_| None, called("DATA", data(&[Images], "test"));
        /// The labels of pictures: an IDX or .npy file, or a line each. Those beside an IDX file of images
        /// (train-labels-idx1-ubyte for train-images-idx3-ubyte), and those of a .npz file, are found by name.
        labels: Option<PathBuf> = |_| None, called("FILE", data(&[Images], "labels"));
        /// The labels of `validation`.
        validation_labels: Option<PathBuf> = |_| None,
            called("FILE", data(&[Images], "validation-labels"));
        /// The labels of `test`.
        test_labels: Option<PathBuf> = |_| None, called("FILE", data(&[Images], "test-labels"));
        /// Part of the rows to validate on where there is no file for it; 0 for none. Not given: a tenth of 2,000 rows
        /// and more, but 100,000 at most, none of fewer. Every class keeps its part of both.
        validation_split: Option<f64> = |of| of.validation_split,
            range(Range::Below(0.0, 1.0), called("PART", data(MODELS, "validation-split")));
        /// Cut the rows into this many folds and train once without each, to tell how good such a model is on rows that it
        /// has not seen: every row is tested once, every class has its part of each fold. The model itself is then
        /// trained on all rows.
        folds: Option<usize> = |_| None, whole(2, MANY, called("K", data(&[Text, Table], "folds")));
        /// Read the file in blocks, several times, so that a run takes about this much memory however large the file is: 2GB.
        /// Rows that are more than a quarter of it lie in a file beside the model while the run lasts. How much it is
        /// changes no bit. Not given: so where the file is larger than what memory is free for it.
        memory: Option<Bytes> = |_| None, called("SIZE", data(LARGE, "memory"));
        /// Column or key of the text.
        text_column: String = |_| "text".into(), called("COLUMN", data(WITH_WORDS, "text-column"));
        /// Column or key of the pictures' paths, relative to the folder of the file that lists them; told from the
        /// header (path, file, filename, image) unless given.
        path_column: Option<String> = |_| None, called("COLUMN", data(&[Images], "path-column"));
        /// Column or key of the label.
        label_column: String = |_| "label".into(), called("COLUMN", data(&[Text, Images], "label-column"));
        /// What stands between the labels of a text, in a column of a .csv or .tsv file: a text may then have any number.
        label_separator: Option<String> = |_| None, called("TEXT", data(&[Text], "label-separator"));
        /// A text may have any number of labels, also where none has more than one. Lines with several words that begin
        /// with __label__, and lists in JSON, say so themselves.
        multi_label: bool = |_| false, data(&[Text], "multi-label");
        /// Column or key of a row's weight, from 0 on: what its loss is multiplied by in training.
        weight_column: Option<String> = |_| None, called("COLUMN", data(&[Text, Table], "weight-column"));
        /// The array of a .npz file that holds several. A path names one too, in place of any file: mnist.npz/x_train.
        array: Option<String> = |_| None,
            called("NAME", data(&[Images, Autoencoder, Translate, Arrays], "array"));
        /// The array of the labels, where a .npz file holds several; that which goes with `array` unless given.
        labels_array: Option<String> = |_| None, called("NAME", data(&[Images], "labels-array"));
        /// How rows are written; told from the file's name and content unless given.
        format: Option<Format> = |_| None, data(ROWS, "format");
        /// The first line of a .csv or .tsv file is a row: columns are called 0, 1, 2.
        no_header: bool = |_| false, data(ROWS, "no-header");
        /// Columns of a table that are left out.
        drop: Vec<String> = |_| Vec::new(), called("COLUMNS", data(&[Table, Autoencoder], "drop"));
        /// Columns of a table that hold categories even where these are numbers: each category is a feature.
        categories: Vec<String> = |_| Vec::new(),
            called("COLUMNS", data(&[Table, Autoencoder], "categories"));
        /// What becomes of a table's missing values: refused (error), the column's mean (mean), or the mean and a
        /// feature that says where they are (indicator).
        missing: Missing = |_| Missing::Error, data(&[Table, Autoencoder], "missing");
        /// Column of a table's target, or several of a regression with commas between; every other column is a feature.
        target_column: Option<String> = |_| None, called("COLUMN", data(&[Table], "target"));
        /// What a table's target is; told from the data unless given.
        task: Option<TableTask> = |_| None, data(&[Table], "task");
        /// Accept labels that only one row has.
        allow_single_labels: bool = |_| false, data(&[Text, Table, Images], "allow-single-labels");
        /// Leave out texts without a known word instead of refusing them.
        skip_unknown: bool = |of| of.skip_unknown, data(OF_TEXTS, "skip-unknown");
    }

    /// Tokens, vocabulary and padding.
    text: extern TextOptions, GivenText {
        /// What the tokens of a text are: lowered words between white space and punctuation (space), lowered words by
        /// Unicode's rules, which part Chinese, Japanese and Thai too (unicode), characters (char), or words as fastText
        /// splits them (fasttext). Not given: unicode where texts are written without spaces, space otherwise.
        tokens: Option<Tokens> = |_| None, text(WITH_WORDS, "tokens");
        /// Words in the vocabulary at most, the most frequent ones; 0 for all.
        vocab_size: usize = |_| TextOptions::default().vocab_size,
            whole(0, MOST_IDS, called("WORDS", text(WITH_WORDS, "vocab-size")));
        /// Leave words out of the vocabulary that are seen less often.
        min_count: usize = |of| of.min_count,
            whole(0, MANY, called("COUNT", text(WITH_WORDS, "min-count")));
        /// Hash words into this many ids instead of a vocabulary (Keras' one_hot); 0 for none.
        hash_size: usize = |_| TextOptions::default().hash_size,
            whole(0, MOST_IDS, called("IDS", text(OF_TEXTS, "hash-size")));
        /// Words of the longest n-gram; 1 for words alone.
        word_ngrams: usize = |_| TextOptions::default().word_ngrams,
            whole(1, 100, called("N", text(OF_TEXTS, "word-ngrams")));
        /// Buckets that n-grams are hashed into: 2,000,000 for a classifier by the mean of vectors and with subwords, 500,000 else.
        /// Those that no training text fills have a row only where places count (a flatten).
        ngram_buckets: usize = |of| of.ngram_buckets,
            whole(1, MOST_IDS, called("IDS", text(WITH_WORDS, "ngram-buckets")));
        /// Character n-grams of these lengths that a word is made of beside itself, as fastText has them: words that
        /// training never met have a meaning then. None unless given.
        subwords: Option<Subwords> = |_| None, called("MIN-MAX", text(&[Text, Words], "subwords"));
        /// Two words that stand beside each other far more often than by chance become one (new_york) where their score by
        /// word2phrase's formula is above this; 100 is that program's own choice. None unless given.
        phrases: Option<f64> = |_| None,
            range(Range::Between(0.0, 1e9), called("SCORE", text(&[Words], "phrases")));
        /// Words of a row at most; 0 for whole texts and, where a layer reads one length (a flatten), for those of the longest
        /// text, at most 400.
        max_length: usize = |_| TextOptions::default().max_length,
            whole(0, MOST_WORDS, called("WORDS", text(OF_TEXTS, "max-length")));
        /// Where short rows are filled with 0.
        padding: Side = |_| TextOptions::default().padding, text(OF_TEXTS, "padding");
        /// Where long rows are cut.
        truncation: Side = |_| TextOptions::default().truncation, text(OF_TEXTS, "truncation");
    }

    /// Size and colour of images.
    images: struct ImagesConfig, GivenImages {
        /// Resize every image to this width and height, those that a translation is to give among them.
        size: Option<(usize, usize)> = |_| None,
            whole(1, 1 << 15, called("WIDTHxHEIGHT", images(PICTURES, "size")));
        /// Resize the images that a translation is to give to this width and height, where it is another than `size`.
        target_size: Option<(usize, usize)> = |_| None,
            whole(1, 1 << 15, called("WIDTHxHEIGHT", images(&[Translate], "target-size")));
        /// Make every image grey.
        grey: bool = |_| false, images(PICTURES, "grey");
    }

    /// Layers and first weights.
    model: struct ModelConfig, GivenModel {
        /// The layers, the head included; the ones of the keys below if not given. An embedding's `rows = 0` means as
        /// many as the data need.
        layers: Option<Vec<Layer>> = |_| None, model(MODELS, "");
        /// The network of a classifier of pictures, by their size unless given: cnn-small (two blocks of convolution,
        /// normalisation and pooling), cnn (deeper, for larger pictures), or mlp (dense layers alone, for pictures of a few pixels).
        network: Option<Network> = |_| None, model(&[Images], "network");
        /// Width of the embedding. Not given, that of pretrained vectors where there are any, else 16, and where there are
        /// more labels about as many as these, 64 at most.
        embedding_units: Option<usize> = |_| None,
            whole(0, 1 << 16, called("UNITS", model(&[Text, Arrays], "dim")));
        /// Vectors of words to begin with: a file of word2vec's, GloVe's or fastText's (.vec, .txt, .bin), or a model.
        pretrained: Option<PathBuf> = |_| None, called("FILE", model(&[Text, Words], "pretrained"));
        /// Leave the pretrained vectors as they are; words without one count nothing then.
        freeze: bool = |_| false, model(&[Text], "freeze");
        /// How a text's vectors become one.
        pool: Pool = |_| Pool::Mean, model(&[Text, Arrays], "pool");
        /// Units of hidden layers, with relu: 64,32; an empty list for none. Not given, a table has one of 32 (a
        /// regression of fewer than 100 rows a feature none, so that it fits no noise), other runs have none.
        hidden: Option<Vec<usize>> = |_| None, whole(1, MOST_UNITS, called("UNITS", model(MODELS, "hidden")));
        /// Rate of dropout before every dense layer that does not read a table's features; 0 for none.
        dropout: f64 = |of| of.dropout,
            range(Range::Below(0.0, 1.0), called("RATE", model(MODELS, "dropout")));
        /// Units of the encoder's layers, with relu but for the last, the latent layer; the decoder mirrors them. If not
        /// given, pictures have convolutions, numbers 128,64,32 (512,256 with noise and for translations), texts 100;
        /// beside `encoder_from` the decoder's alone.
        encoder: Vec<usize> = |of| of.encoder.clone(),
            whole(1, MOST_UNITS, called("UNITS", model(CODERS, "layers")));
        /// Numbers between the encoder and the decoder of an autoencoder whose encoder's units are not given: 32 for
        /// pictures, none where it undoes noise. 0 for what the last convolution gives, which is a small picture.
        latent: Option<usize> = |_| None, whole(0, 1 << 16, called("UNITS", model(&[Autoencoder], "latent")));
        /// Dense layers alone for pictures too, which have convolutions where neither this nor the encoder's units are
        /// given.
        dense: bool = |_| false, model(CODERS, "dense");
        /// How an autoencoder of texts makes one vector of a text's words.
        combine: BagMode = |_| BagMode::SqrtN, Spec { withheld: &["sqrtn"], ..model(&[Autoencoder], "combine") };
        /// Take the encoder of this model instead of a fresh one.
        encoder_from: Option<PathBuf> = |_| None, called("MODEL", model(CODERS, "encoder-from"));
        /// Leave that encoder as it is, and train a decoder alone.
        freeze_encoder: bool = |_| false, model(CODERS, "freeze-encoder");
        /// Train this finished model on: its layers, weights, labels and preprocessing are what it begins with.
        from: Option<PathBuf> = |_| None, called("MODEL", model(MODELS, "from"));
        /// Weights by name to begin with, a safetensors file; weights that it does not name are fresh.
        initial_weights: Option<PathBuf> = |_| None,
            called("FILE", model(MODELS, "initial-weights"));
    }

    /// Loss, optimizer, epochs.
    training: struct TrainingConfig, GivenTraining {
        /// The loss; the one that goes with the last activation if not given, mse for autoencoders of numbers.
        loss: Option<Loss> = |_| None, Spec {
            spellings: &[
                ("bce", "binary_crossentropy"),
                ("softmax", "categorical_crossentropy"),
                ("l1", "mae"),
                ("l2", "mse"),
            ],
            // Edges and similarity are asked for by their weights.
            withheld: &["negative_sampling", "edges", "ssim"],
            ..training(MODELS, "loss")
        };
        /// What the edges of pictures weigh in the loss beside their pixels: the error of the differences between
        /// neighbouring pixels, times this, is added to that of the pixels (mse, or mae). None unless given.
        edges: Option<f64> = |_| None,
            range(Range::Between(0.0, 1e6), called("WEIGHT", training(&[Autoencoder, Translate], "edges")));
        /// What the structure of pictures weighs in the loss beside their pixels: what their structural similarity (SSIM) lacks to
        /// 1, times this, is added to the error of the pixels (mse, or mae). None unless given.
        ssim: Option<f64> = |_| None,
            range(Range::Between(0.0, 1e6), called("WEIGHT", training(&[Autoencoder, Translate], "ssim")));
        /// The optimizer: adam unless given, adagrad for classifiers of texts without layers of their own and without Adam's numbers.
        /// In a file alone or with its numbers: { adam = { learning_rate = 0.001 } }.
        optimizer: Optimizer = |_| Optimizer::default(), training(MODELS, "optimizer");
        /// Lower the learning rate for rows of more than 784 features, by the root of how many times more. True for
        /// autoencoders and translations whose learning rate is not given.
        adapt_learning_rate: bool = |of| of.adapt_learning_rate, training(NUMBERS, "adapt-learning-rate");
        /// How the learning rate moves over the epochs: cooldown falls in a line over the last 30 %.
        schedule: Schedule = |of| of.schedule, training(MODELS, "schedule");
        /// Scale all gradients of a step so that their norm together is at most this.
        clip_norm: Option<f64> = |_| None,
            range(Range::Between(0.0, 1e30), called("NORM", training(MODELS, "clip-norm")));
        /// Cut each element of a gradient to at most this, above and below 0.
        clip_value: Option<f64> = |_| None,
            range(Range::Between(0.0, 1e30), called("VALUE", training(MODELS, "clip-value")));
        /// Part of each label that is spread evenly over the classes in training, where the loss is a cross-entropy.
        label_smoothing: f64 = |_| 0.0,
            range(Range::Below(0.0, 1.0), called("PART", training(MODELS, "label-smoothing")));
        /// Classes that a step compares its rows' with, drawn anew for each step, where labels are very many (sampled softmax);
        /// 0 for all. Not given, 1,024 of more than 10,000, and all of fewer. An evaluation is of all classes.
        sampled_classes: Option<usize> = |_| None,
            whole(0, MANY, called("CLASSES", training(&[Text, Table, Images, Arrays], "sampled-classes")));
        /// Weights of classes: balanced (rows / (classes x rows of the class)), or by label, such as spam=3,ham=1; labels
        /// that are not named weigh 1. What a row's loss is multiplied by in training; an evaluation does not weigh.
        class_weight: Option<String> = |_| None, called("WEIGHTS", training(&[Text, Table], "class-weight"));
        /// Probability from which on a label is answered, where a text may have several; 0.5 if not given.
        threshold: Option<f64> = |_| None,
            range(Range::Between(0.0, 1.0), called("P", training(&[Text], "threshold")));
        /// Find that threshold on the validation rows, so that F1 is best: one for all labels (one), or one for each
        /// label (each).
        tune_threshold: TuneThreshold = |_| TuneThreshold::No, training(&[Text], "tune-threshold");
        /// Passes over the data, at most.
        epochs: usize = |of| of.epochs, whole(1, 1 << 20, called("EPOCHS", training(ALL, "epochs")));
        /// Steps at least: small data get more epochs until there are as many. 0 where epochs are given.
        min_steps: usize = |of| of.min_steps,
            whole(0, MANY, called("STEPS", training(MODELS, "min-steps")));
        /// Rows of a step. Not given, a text run takes 64, fewer where epochs are given and would have fewer than 16 steps (8
        /// rows at least), and more where an epoch would have more than 1,000 (2,048 rows at most).
        batch_size: Option<usize> = |of| of.batch_size,
            whole(1, 1 << 24, called("ROWS", training(MODELS, "batch-size")));
        /// Rows of a step that are on the device at once: the gradients of a step's parts are added up, for the result of
        /// the whole step in less memory. Not given: all of them, or half as many as long as the device has too little
        /// memory.
        micro_batch: Option<usize> = |_| None,
            whole(1, 1 << 24, called("ROWS", training(MODELS, "micro-batch")));
        /// Compute what activations, normalisations, dropout, sums, concatenations and enlargements give again for the
        /// backward pass in place of keeping it: the same model in less memory, for a little more work.
        recompute: bool = |_| false, training(MODELS, "recompute");
        /// Take the rows of each epoch in an order of its own; with the flag, in the file's order.
        shuffle: bool = |_| true, Spec { negated: true, ..training(MODELS, "no-shuffle") };
        /// Seed of weights, order, dropout, noise and the validation split.
        seed: u64 = |_| 7, whole(0, MOST_SEED, training(ALL, "seed"));
        /// Epochs without a better validation loss before training stops and takes the best weights; 0 for never.
        patience: usize = |of| of.patience,
            whole(0, MANY, called("EPOCHS", training(MODELS, "patience")));
        /// Where a tenth of the rows was set apart unasked, train once more on all of them (50,000 at most), for as many epochs as
        /// the best weights had: the file keeps that model, figures and plots are those of the first. True for texts unless rows to
        /// validate on, folds, a checkpoint or a model to train on are named.
        refit: bool = |of| of.refit, Spec { negated: true, ..training(&[Text], "no-refit") };
        /// A metric of the validation rows that is computed after every epoch and that early stopping goes by in place of
        /// the loss: accuracy, f1_macro, roc_auc, top_k_accuracy:5, mae, r2 and others, in the unit in which the model
        /// is trained.
        monitor: Option<String> = |_| None, called("METRIC", training(MODELS, "monitor"));
        /// When a loss or a weight becomes NaN or infinite: end with the best weights before (stop), or go back to the
        /// last good epoch and on at half the learning rate, at most three times (rollback).
        on_nan: OnNan = |_| OnNan::Stop, training(ALL, "on-nan");
        /// Noise on the inputs that the model learns to undo, drawn anew for every step: gaussian:0.3, salt-pepper:0.1,
        /// mask:0.25.
        noise: Option<String> = |_| None, called("KIND:AMOUNT", training(NUMBERS, "noise"));
        /// How pictures are moved in training, each anew in every step: flip (mirrored, left to right), flip-vertical,
        /// shift:2 (pixels each way), rotate:10 (degrees each way), crop:0.8 (a window of at least this part of a side). The
        /// pictures that a translation is to give are moved with those that it reads.
        augment: Vec<String> = |_| Vec::new(),
            called("KINDS", training(&[Images, Autoencoder, Translate], "augment"));
    }

    /// Word vectors by themselves.
    words: struct WordsConfig, GivenWords {
        /// What predicts what.
        method: WordMethod = |_| WordTrainer::default().method, model(&[Words], "method");
        /// Width of the vectors; 100 unless given, that of pretrained ones where there are any.
        units: usize = |of| of.word_units,
            whole(0, 4096, called("UNITS", model(&[Words], "dim")));
        /// Words on either side of a word that are near it, at most.
        window: usize = |_| WordTrainer::default().window,
            whole(1, 100, called("WORDS", training(&[Words], "window")));
        /// Wrong words that each right one is held against.
        negatives: usize = |_| WordTrainer::default().negatives,
            whole(1, 64, called("WORDS", training(&[Words], "negatives")));
        /// Four neighbouring words share their wrong ones; skip-gram takes a word with its whole window at once, against
        /// four times as many, each of which counts a fourth. With the flag, each pair has its own.
        share_negatives: bool = |_| WordTrainer::default().share_negatives,
            Spec { negated: true, ..training(&[Words], "own-negatives") };
        /// Words more frequent than this share of all are dropped at random; 0 keeps all.
        subsample: f64 = |_| WordTrainer::default().subsample,
            range(Range::Below(0.0, 1e9), called("SHARE", training(&[Words], "subsample")));
        /// Adagrad's step size.
        learning_rate: f64 = |_| WordTrainer::default().learning_rate,
            range(Range::Between(0.0, 1e3), called("RATE", training(&[Words], "learning-rate")));
        /// Words of the text that a step takes.
        words_per_step: usize = |_| WordTrainer::default().words_per_step,
            whole(1, 1 << 16, called("WORDS", training(&[Words], "words-per-step")));
    }

    /// Files to write.
    output: struct OutputConfig, GivenOutput {
        /// Where to write the model.
        model: Option<PathBuf> = |of| Some(of.output.into()),
            Spec { short: Some('o'), ..output(ALL, "output") };
        /// Where to write loss and accuracy by epoch, as JSON.
        history: Option<PathBuf> = |_| None, output(MODELS, "history");
        /// Where to draw them: a .png or .svg file.
        plot: Option<PathBuf> = |_| None, output(MODELS, "plot");
        /// Where to draw the pictures of the most confident mistakes, of the test rows or else the validation rows: a
        /// .png file.
        mistakes: Option<PathBuf> = |_| None, output(&[Images], "mistakes");
        /// Keep the run here, between steps, and the checkpoint before as FILE.previous: a run that finds the file goes on
        /// from it, to the same bits, and removes both at its end. They are written while the run goes on.
        checkpoint: Option<PathBuf> = |_| None, output(ALL, "checkpoint");
        /// Time between checkpoints, 30s, 5m or 2h: within an epoch too. Not given: after an epoch, and every minute
        /// within one, with at most a twentieth of the time for it.
        checkpoint_every: Option<Every> = |_| None, called("TIME", output(ALL, "checkpoint-every"));
    }
}

/// The group of an optimizer's numbers, which lie within `training.optimizer`.
pub(super) const OPTIMIZER: &str = "optimizer";

const fn number(
    name: &'static str,
    lines: &'static [&'static str],
    range: Range,
    flag: &'static str,
) -> Setting {
    Setting {
        group: OPTIMIZER,
        name,
        lines,
        spec: Spec { range, value_name: "RATE", ..training(MODELS, flag) },
        arity: Arity::One,
        choices: || &[],
    }
}

/// The optimizers' numbers; which of them an optimizer has, its own file in `optimizers/` says.
static HYPERPARAMETERS: &[Setting] = &[
    number(
        "learning_rate",
        &[
            "Step size. 0.1 for adagrad (0.03 with hidden layers, a flatten or pretrained vectors), 0.01 for sgd; for others 0.001 on tables and 0.003 otherwise.",
        ],
        Range::Below(0.0, 1e3),
        "learning-rate",
    ),
    number(
        "momentum",
        &["Decay of the velocity, of sgd and rmsprop."],
        Range::Below(0.0, 1.0),
        "momentum",
    ),
    number(
        "beta_1",
        &["Decay of the first moment, of adam and adamw."],
        Range::Below(0.0, 1.0),
        "beta-1",
    ),
    number(
        "beta_2",
        &["Decay of the second moment, of adam and adamw."],
        Range::Below(0.0, 1.0),
        "beta-2",
    ),
    number("rho", &["Decay of the mean of squares, of rmsprop."], Range::Below(0.0, 1.0), "rho"),
    number(
        "initial_accumulator_value",
        &["What the sums of squared gradients of adagrad begin at."],
        Range::Below(0.0, 1e3),
        "initial-accumulator-value",
    ),
    number(
        "epsilon",
        &[
            "Added to the root that a step is divided by, of adam and adamw, or under it, of adagrad and rmsprop.",
        ],
        Range::Below(0.0, 1.0),
        "epsilon",
    ),
    number(
        "weight_decay",
        &[
            "Part of the weights that a step of adamw takes away, times the learning rate; not of biases and normalisation.",
        ],
        Range::Below(0.0, 1e3),
        "weight-decay",
    ),
];

/// The optimizers' numbers.
pub fn hyperparameters() -> &'static [Setting] {
    HYPERPARAMETERS
}
