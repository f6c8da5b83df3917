//! Files to data sets: for training, where the vocabulary, the labels and the scales are learned,
//! and for a model that stands, through what it learned.

mod array_blocks;
mod arrays;
mod blocks;
mod labels;
mod matrices;
mod pictures;
mod split;
mod table_blocks;
mod tables;
mod text_blocks;
pub(super) mod texts;
pub(super) mod weights;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use self::array_blocks::load_array_blocks;
use self::arrays::{array_dataset, array_inputs, load_arrays, reads_ids};
use self::blocks::InBlocks;
pub(super) use self::blocks::each_block;
use self::labels::unknown_labels;
use self::matrices::{
    Reading, Rows, autoencoder_dataset, check_image, check_width, load_rows_and_targets,
};
use self::pictures::{load_pictures, pictures_for};
pub(super) use self::split::Fold;
use self::split::Split;
use self::table_blocks::load_table_blocks;
use self::tables::{columns_for, encode_table, load_table};
pub(super) use self::text_blocks::fit_in_passes;
use self::text_blocks::load_text_blocks;
pub(super) use self::texts::encode_rows;
use self::texts::{Layout, Unknown, encode_texts, load_texts};
use super::config::RunConfig;
use super::setting::RunKind;

use crate::data::{
    Account, ArrayFile, BlockFile, ByteSource, Content, Dataset, Examples, Format, ImageEncoder,
    Inputs, ScaleWatch, Table, TableColumns, TableEncoder, Targets, TextColumns, TrainingRows,
    array_path, column_names_of, content, read_array, read_columns, read_examples, read_npy,
    read_picture_files,
};
use crate::error::{Error, Result};
use crate::model::{Input, Kind, Model, Preprocessor};
use crate::text::TextEncoder;
use crate::train::reads_bags;

use super::whole_pictures::OtherSize;

pub use self::matrices::read_targets;
pub(super) use self::matrices::read_targets_of;
pub(super) use self::pictures::labels_beside;

/// What the data ask a model to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// One of two labels.
    Binary,
    /// One of several labels.
    Classes,
    /// Any number of labels.
    Labels,
    /// Numbers.
    Regression,
    /// Whatever the targets are; the layers say.
    Given,
}

/// Data to train on, and what was learned in reading them.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Rows to train on.
    pub training: TrainingRows,
    /// Rows to validate on.
    pub validation: Option<Dataset>,
    /// Rows to test on, once the model is trained.
    pub test: Option<Tested>,
    /// Rows of the fold that is held out, where there are folds.
    pub(super) held_out: Option<Dataset>,
    /// What turns raw data into inputs.
    pub preprocessor: Preprocessor,
    /// Names of the classes.
    pub labels: Vec<String>,
    /// What the data ask for.
    pub task: Task,
    /// Rows that an embedding needs.
    pub embedding_rows: usize,
    /// What became of the rows of each file.
    pub accounts: Vec<Account>,
}

/// Rows with known answers, to hold a model against.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tested {
    /// The rows.
    pub dataset: Dataset,
    /// Names of their files, for pictures.
    pub names: Vec<String>,
    /// What became of the rows.
    pub account: Account,
}

impl Loaded {
    /// Rows whose targets speak for themselves.
    fn given(training: Dataset, validation: Option<Dataset>, encoder: Preprocessor) -> Loaded {
        let training = training.into();
        Loaded { training, validation, preprocessor: encoder, ..Loaded::nothing() }
    }

    /// No rows, whose targets speak for themselves.
    fn nothing() -> Loaded {
        Loaded {
            training: TrainingRows::default(),
            validation: None,
            test: None,
            held_out: None,
            preprocessor: Preprocessor::None,
            labels: Vec::new(),
            task: Task::Given,
            embedding_rows: 0,
            accounts: Vec::new(),
        }
    }

    /// What a model reads.
    pub fn input(&self) -> Input {
        match self.training.sample().inputs() {
            Inputs::Ids { length, .. } | Inputs::Ragged { length, .. } => {
                Input::Ids { length: *length }
            }
            Inputs::Matrix { features, .. } => Input::Matrix { features: *features },
        }
    }
}

/// A model that was trained before, and what a run takes of it.
#[derive(Clone, Copy)]
pub(super) enum Given<'m> {
    /// There is none.
    Nothing,
    /// Its encoder: what it reads through.
    Encoder(&'m Model),
    /// All of it, to be trained on: its labels and the scale of its targets too.
    Whole(&'m Model),
}

impl<'m> Given<'m> {
    /// What the model reads through.
    fn preprocessor(self) -> Option<&'m Preprocessor> {
        match self {
            Given::Nothing => None,
            Given::Encoder(model) | Given::Whole(model) => Some(&model.preprocessor),
        }
    }

    /// Whether the model that is trained on gives a row any number of labels.
    fn is_multi_label(self) -> bool {
        matches!(self, Given::Whole(model) if model.kind() == Kind::MultiLabel)
    }

    /// The classes of a classifier that is trained on.
    fn labels(self) -> Option<&'m [String]> {
        match self {
            Given::Whole(model) if !model.labels.is_empty() => Some(&model.labels),
            _ => None,
        }
    }
}

/// Reads the data of a run.
///
/// # Errors
/// [`Error::File`], and [`Error::Data`] with file, line and the way out.
pub fn load(config: &RunConfig) -> Result<Loaded> {
    match &config.model.encoder_from {
        Some(path) => load_given(config, Given::Encoder(&Model::load(path)?)),
        None => load_given(config, Given::Nothing),
    }
}

/// Whether a run's rows are read in blocks, so that they need not fit in memory.
pub(super) fn reads_in_blocks(config: &RunConfig) -> bool {
    InBlocks::of(config).is_some()
}

/// As [`load`], through what a model that was trained before has learned.
pub(super) fn load_given(config: &RunConfig, given: Given) -> Result<Loaded> {
    let data = &config.data;
    if config.kind == RunKind::Images {
        return load_pictures(config, given);
    }
    let blocks = InBlocks::of(config);
    let are_coders = || Ok(config.builds_autoencoder() || holds_pictures_for_layers(config)?);
    match (content(&data.train), data.format, blocks) {
        (Content::Images, None, _) if data.memory.is_some() => Err(Error::usage(
            "memory is given, so that rows are read in blocks, but pictures are read as a whole; leave it out, or save them as a .npy array",
        )),
        (Content::Images, None, _) => load_rows_and_targets(config, given),
        (Content::Array, None, Some(blocks)) => {
            load_array_blocks(config, given, are_coders()?, &blocks)
        }
        (Content::Array, None, None) if are_coders()? => load_rows_and_targets(config, given),
        (Content::Array, None, None) => set_apart(config, load_arrays(config)?),
        (_, _, Some(blocks)) => match is_table(config, &BlockFile::start(&data.train)?)? {
            true => load_table_blocks(config, given, &blocks),
            false => load_text_blocks(config, given, &blocks),
        },
        // Read once: a pipe gives its bytes once.
        (_, _, None) => load_source(config, &ByteSource::read(&data.train)?, given, None),
    }
}

/// Whether an array holds pictures by its axes, for an autoencoder or a translation whose layers the run gives: they have
/// the scale of pictures, as those of other files have.
fn holds_pictures_for_layers(config: &RunConfig) -> Result<bool> {
    let path = &config.data.train;
    if !matches!(config.kind, RunKind::Autoencoder | RunKind::Translate)
        || config.model.layers.is_none()
        || reads_ids(config) == Some(true)
        || path == Path::new("-")
    {
        return Ok(false);
    }
    let axes = match ArrayFile::open(path) {
        Ok(file) if file.rows() > 0 => file.read(0..1)?.shape.len(),
        // Of an archive, or of what is no array, which is said when it is read.
        _ => read_array(path, config.data.array.as_deref())?.shape.len(),
    };
    Ok(axes > 2)
}

/// As [`load_given`] of texts or a table that were read before, with a fold of their rows held out.
pub(super) fn load_source(
    config: &RunConfig,
    source: &ByteSource,
    given: Given,
    fold: Option<Fold>,
) -> Result<Loaded> {
    match is_table(config, source)? {
        true => load_table(config, source, given, fold),
        false => load_texts(config, source, given, fold),
    }
}

/// Whether rows are a table's: a target column is asked for, or they are columns without a text among them.
fn is_table(config: &RunConfig, source: &ByteSource) -> Result<bool> {
    let data = &config.data;
    let is_separated = match data.format {
        Some(format) => matches!(format, Format::Csv | Format::Tsv),
        None => matches!(source.extension.as_str(), "csv" | "tsv" | "tab"),
    };
    Ok(match &data.target_column {
        // Of a pipe nothing is known but what is asked for.
        Some(_) => is_separated || data.format.is_none(),
        None if is_separated && data.targets.is_some() => {
            !column_names_of(source)?.contains(&data.text_column)
        }
        None => false,
    })
}

/// Sets rows apart to validate on, of data from which nothing was learned.
fn set_apart(config: &RunConfig, mut loaded: Loaded) -> Result<Loaded> {
    let path = &array_path(&config.data.train, config.data.array.as_deref());
    let rows = loaded.training.rows();
    if loaded.accounts.is_empty() {
        loaded.accounts.push(Account::of_rows(path, rows));
    }
    if loaded.validation.is_none() {
        let split = Split::draw(config, rows, None, &mut loaded.accounts[0])?;
        if let (false, Some(all)) = (split.validation.is_empty(), loaded.training.held()) {
            let (training, validation) = (all.take(&split.training), all.take(&split.validation));
            (loaded.training, loaded.validation) = (training.into(), Some(validation));
        }
    }
    Ok(loaded)
}

/// Rows that a model reads, with the names of their files where they have any.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NamedRows {
    /// The rows.
    pub inputs: Inputs,
    /// File names, for a folder of pictures.
    pub names: Vec<String>,
    /// A table's rows as they stand in the file, where they are asked for.
    pub texts: Vec<String>,
    /// Rows, from 0 and ascending, of texts of which no word is known, or of a table with a category that is not.
    pub unknown: Vec<usize>,
    /// What an array's values were divided by, to be undone in answers; none for what is no array of images.
    pub divisor: Option<f64>,
    /// What became of the file's rows.
    pub account: Account,
}

/// Says where most numbers of a column are far from all that a model has learned from.
fn warn_of_scale(encoder: &TableEncoder, inputs: &Inputs, lines: &[u64], account: &mut Account) {
    if let Inputs::Matrix { values, .. } = inputs {
        let mut watch = ScaleWatch::default();
        watch.add(encoder, values, lines);
        watch.said(encoder).into_iter().for_each(|sentence| account.warn(sentence));
    }
}

/// Reads a file's rows through what a model learned: texts, images, tables, arrays. A blank line of
/// texts is a row, so that there are as many rows as lines. Longer texts than the model's are cut,
/// which the account says: [`read_texts`] reads them whole.
///
/// # Errors
/// As [`load`].
pub fn read_rows(model: &Model, path: &Path, text_column: &str) -> Result<NamedRows> {
    read_rows_as(model, path, &TextColumns::of_texts(text_column), false)
}

/// [`read_rows`] of a file whose format or header is said; a table's rows as they stand too, where `with_text`.
pub(super) fn read_rows_as(
    model: &Model,
    path: &Path,
    columns: &TextColumns,
    with_text: bool,
) -> Result<NamedRows> {
    let named = |inputs: Inputs, names: Vec<String>| {
        let account = Account::of_rows(path, inputs.rows());
        let (texts, unknown) = (Vec::new(), Vec::new());
        NamedRows { inputs, names, texts, unknown, divisor: None, account }.checked(path)
    };
    match &model.preprocessor {
        Preprocessor::Text(encoder) => {
            let columns = TextColumns { label: None, keep_blank: true, ..columns.clone() };
            let examples = read_examples(path, &columns)?;
            named_texts(encoder, Layout::Padded, &examples, path)
        }
        Preprocessor::Image(encoder) => {
            named_images(encoder, Rows::read(path, &Reading::of(encoder))?, path)
        }
        Preprocessor::Table(encoder) if content(path) == Content::Array => {
            let rows = Rows::read(path, &Reading::default())?;
            check_width(rows.width, encoder.columns.len(), path)?;
            let dataset = autoencoder_dataset(rows, &model.preprocessor, path)?;
            let mut rows = named(dataset.into_inputs(), Vec::new())?;
            warn_of_scale(encoder, &rows.inputs, &[], &mut rows.account);
            Ok(rows)
        }
        Preprocessor::Table(encoder) => {
            let wanted = columns_for(encoder, None, columns);
            let table = read_columns(path, &TableColumns { keep_rows: with_text, ..wanted })?;
            let inputs = encoder.inputs(&table);
            let (mut account, unknown, texts) = (table.account, table.unknown, table.rows_as_read);
            warn_of_scale(encoder, &inputs, &table.lines, &mut account);
            Ok(NamedRows { account, unknown, texts, ..named(inputs, Vec::new())? })
        }
        Preprocessor::None => {
            let reads_ids = matches!(model.input(), Input::Ids { .. });
            named(array_inputs(path, read_npy(path)?, Some(reads_ids), 0)?, Vec::new())
        }
    }
}

/// Reads pictures as a model of images reads them, called by `names`.
///
/// # Errors
/// As [`read_rows`].
pub(super) fn read_named_pictures(
    encoder: &ImageEncoder,
    files: &[PathBuf],
    names: Vec<String>,
) -> Result<NamedRows> {
    let Reading { options, channels, .. } = Reading::of(encoder);
    let rows = Rows::from(read_picture_files(files, &options, channels)?);
    let path = files.first().map_or(Path::new(""), PathBuf::as_path);
    named_images(encoder, Rows { names, ..rows }, path)
}

/// The rows of a file and, where they are pictures of another size than the model learned from and it takes them, the model for
/// that size; the account says so.
///
/// # Errors
/// As [`read_rows`].
pub(super) fn read_sized<'m>(
    model: &'m Model,
    path: &Path,
    text_column: &str,
) -> Result<(NamedRows, Option<OtherSize<'m>>)> {
    let encoder = match &model.preprocessor {
        Preprocessor::Image(encoder) if model.labels.is_empty() => encoder,
        _ => return Ok((read_rows(model, path, text_column)?, None)),
    };
    let rows = Rows::read(path, &Reading::of(encoder))?;
    let other = rows.image.filter(|&found| found != encoder.input);
    let Some(other) = other.and_then(|shape| OtherSize::of(model, shape)) else {
        return Ok((named_images(encoder, rows, path)?, None));
    };
    let mut rows = named_images(&other.encoder, rows, path)?;
    rows.account.warn(format!(
        "the pictures are {}, other than the {} that the model learned from; they go through it as they are",
        other.encoder.input, encoder.input
    ));
    Ok((rows, Some(other)))
}

/// Images that a model reads, checked to be of its size.
fn named_images(encoder: &ImageEncoder, mut rows: Rows, path: &Path) -> Result<NamedRows> {
    check_image(&rows, encoder.input, path)?;
    let (names, divisor) = (std::mem::take(&mut rows.names), rows.divisor);
    let (account, texts, unknown) = (rows.account.clone(), Vec::new(), Vec::new());
    NamedRows { inputs: rows.inputs(), names, texts, unknown, divisor, account }.checked(path)
}

/// Reads texts whole: the rows, and the model that reads as many words as the longest has (`model`
/// itself where it reads one length alone, or all are short enough).
///
/// # Errors
/// As [`load`].
pub fn read_texts<'m>(
    model: &'m Model,
    path: &Path,
    text_column: &str,
) -> Result<(Cow<'m, Model>, NamedRows)> {
    let columns = TextColumns { keep_blank: true, ..TextColumns::of_texts(text_column) };
    let examples = read_examples(path, &columns)?;
    let model = model.for_texts(&examples.texts);
    let Preprocessor::Text(encoder) = &model.preprocessor else {
        return Err(Error::Model("the model reads no texts".into()));
    };
    let layout = layout_for(&model, encoder, &examples.texts);
    let rows = named_texts(encoder, layout, &examples, path)?;
    Ok((model, rows))
}

/// How the rows of texts lie that a model shall answer.
pub(super) fn layout_for<T: AsRef<str> + Sync>(
    model: &Model,
    encoder: &TextEncoder,
    texts: &[T],
) -> Layout {
    match reads_bags(model) {
        true => Layout::of(encoder, texts),
        false => Layout::Padded,
    }
}

fn named_texts(
    encoder: &TextEncoder,
    layout: Layout,
    examples: &Examples,
    path: &Path,
) -> Result<NamedRows> {
    let (inputs, encoded) = encode_rows(encoder, layout, &examples.texts);
    let unknown = (0..encoded.len()).filter(|&row| encoded[row].known == 0).collect();
    let mut account = examples.account.clone();
    let cut = texts::lines_of(&encoded, &examples.lines, |encoded| encoded.cut > 0);
    texts::warn_of_cut(encoder, &cut, &mut account);
    let (names, texts) = (Vec::new(), Vec::new());
    NamedRows { inputs, names, texts, unknown, divisor: None, account }.checked(path)
}

impl NamedRows {
    /// Refuses values that are no numbers.
    fn checked(self, path: &Path) -> Result<NamedRows> {
        let source = path.display().to_string();
        let dataset = Dataset::new(self.inputs, Targets::Inputs, source)?;
        Ok(NamedRows { inputs: dataset.into_inputs(), ..self })
    }
}

/// Data to evaluate a model on.
pub(super) struct Labelled<'m> {
    /// The model, for texts as long as these.
    pub model: Cow<'m, Model>,
    /// Rows with targets.
    pub dataset: Dataset,
    /// What became of the file's rows.
    pub account: Account,
    /// Where each row is in the file, from 1; empty for an array's.
    pub lines: Vec<u64>,
    /// The rows as they stand: texts, lines of a table where they are asked for, names of pictures.
    pub texts: Vec<String>,
}

/// Reads a file through what a model learned: with targets, to evaluate it. `keep_rows` asks for a table's rows as they
/// stand.
///
/// # Errors
/// As [`load`].
pub(super) fn load_for<'m>(
    model: &'m Model,
    path: &Path,
    targets: Option<&Path>,
    columns: &TextColumns,
    skip_unknown: bool,
    keep_rows: bool,
) -> Result<Labelled<'m>> {
    let gives_pictures =
        matches!(model.preprocessor, Preprocessor::Image(_)) && model.labels.is_empty();
    if model.latent_layer.is_some() || gives_pictures {
        return load_for_autoencoder(model, path, targets, &columns.text);
    }
    match &model.preprocessor {
        Preprocessor::Text(_) => {
            let several = model.kind() == Kind::MultiLabel;
            let separator = model.source.as_ref().and_then(|source| source.label_separator.clone());
            let columns = TextColumns {
                multi_label: several,
                label_separator: columns.label_separator.clone().or(separator),
                ..columns.clone()
            };
            let mut examples = read_examples(path, &columns)?;
            let mut account = examples.account.clone();
            if !several {
                texts::refuse_several(path, &examples)?;
            }
            if !several && !model.labels.is_empty() {
                let Examples { labels, lines, .. } = &examples;
                let known = &model.labels;
                let marks = unknown_labels(path, labels, lines, known, skip_unknown, &mut account)?;
                examples.leave_out(&marks);
            }
            let model = model.for_texts(&examples.texts);
            let Preprocessor::Text(encoder) = &model.preprocessor else {
                return Err(Error::Model("the model reads no texts".into()));
            };
            let unknown = if skip_unknown { Unknown::LeftOut } else { Unknown::Kept };
            let (layout, labels) = (layout_for(&model, encoder, &examples.texts), &model.labels);
            let (dataset, examples) =
                encode_texts(encoder, layout, labels, examples, path, unknown, &mut account)?;
            let Examples { lines, texts, .. } = examples;
            Ok(Labelled { model, dataset, account, lines, texts })
        }
        Preprocessor::Table(encoder) => {
            let target = Some(encoder.target.as_str()).filter(|name| !name.is_empty());
            let wanted = columns_for(encoder, target, columns);
            let mut table = read_columns(path, &TableColumns { keep_rows, ..wanted })?;
            let mut account = std::mem::take(&mut table.account);
            if !model.labels.is_empty() {
                let Table { targets, lines, .. } = &table;
                let known = &model.labels;
                let marks =
                    unknown_labels(path, targets, lines, known, skip_unknown, &mut account)?;
                table.leave_out(&marks);
            }
            let dataset = encode_table(encoder, &model.labels, &table, path)?;
            warn_of_scale(encoder, dataset.inputs(), &table.lines, &mut account);
            let Table { lines, rows_as_read: texts, .. } = table;
            Ok(Labelled { model: Cow::Borrowed(model), dataset, account, lines, texts })
        }
        Preprocessor::Image(encoder) => {
            let Tested { dataset, names, account } =
                pictures_for(model, encoder, path, targets, columns)?;
            let (lines, texts) = (Vec::new(), names);
            Ok(Labelled { model: Cow::Borrowed(model), dataset, account, lines, texts })
        }
        Preprocessor::None => {
            let Some(targets) = targets else {
                return Err(Error::usage(
                    "a model of arrays is evaluated on two .npy files; give the second as targets (the same one for an autoencoder)",
                ));
            };
            let reads_ids = matches!(model.input(), Input::Ids { .. });
            let dataset = array_dataset(path, targets, Some(reads_ids), None)?;
            let account = Account::of_rows(path, dataset.rows());
            let (lines, texts) = (Vec::new(), Vec::new());
            Ok(Labelled { model: Cow::Borrowed(model), dataset, account, lines, texts })
        }
    }
}

/// Rows with themselves as targets or, for a translation, with those of another file.
fn load_for_autoencoder<'m>(
    model: &'m Model,
    path: &Path,
    targets: Option<&Path>,
    text_column: &str,
) -> Result<Labelled<'m>> {
    let (model, rows) = match model.preprocessor {
        Preprocessor::Text(_) => read_texts(model, path, text_column)?,
        _ => match read_sized(model, path, text_column)? {
            (rows, None) => (Cow::Borrowed(model), rows),
            (rows, Some(other)) => (Cow::Owned(other.model(path)?), rows),
        },
    };
    let source = path.display().to_string();
    let account = rows.account.clone();
    let dataset = match targets.filter(|&targets| targets != path) {
        Some(targets) => {
            let (values, width) = (read_targets(&model, &rows, [path, targets])?, model.outputs());
            Dataset::new(rows.inputs, Targets::Values { values, width }, source)
        }
        None if model.translates() => Err(Error::usage(
            "this model translates: name the images that it should give as targets",
        )),
        None => Dataset::new(rows.inputs, Targets::Inputs, source),
    }?;
    Ok(Labelled { model, dataset, account, lines: Vec::new(), texts: rows.names })
}
