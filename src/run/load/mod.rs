//! Files to data sets: for training, where the vocabulary, the labels and the scales are learned,
//! and for a model that stands, through what it learned.

mod arrays;
mod labels;
mod matrices;
mod tables;
mod texts;

use std::path::Path;

use self::arrays::{array_dataset, array_inputs, load_arrays};
use self::matrices::{Rows, autoencoder_dataset, check_width, load_rows_and_targets};
use self::tables::{encode_table, load_table};
use self::texts::{encode_texts, load_texts};
use super::config::RunConfig;
use crate::data::{
    Dataset, ImageOptions, Inputs, Targets, TextColumns, column_names, holds_images, read_examples,
    read_npy, read_table,
};
use crate::error::{Error, Result};
use crate::model::{Input, Model, Preprocessor};

pub use self::matrices::read_targets;

/// What the data ask a model to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// One of two labels.
    Binary,
    /// One of several labels.
    Classes,
    /// Numbers.
    Regression,
    /// Whatever the targets are; the layers say.
    Given,
}

/// Data to train on, and what was learned in reading them.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Rows to train on.
    pub training: Dataset,
    /// Rows to validate on.
    pub validation: Option<Dataset>,
    /// What turns raw data into inputs.
    pub preprocessor: Preprocessor,
    /// Names of the classes.
    pub labels: Vec<String>,
    /// What the data ask for.
    pub task: Task,
    /// Rows that an embedding needs.
    pub embedding_rows: usize,
}

impl Loaded {
    /// Rows whose targets speak for themselves.
    fn given(training: Dataset, validation: Option<Dataset>, encoder: Preprocessor) -> Loaded {
        let (labels, task) = (Vec::new(), Task::Given);
        Loaded { training, validation, preprocessor: encoder, labels, task, embedding_rows: 0 }
    }

    /// What a model reads.
    pub fn input(&self) -> Input {
        match self.training.inputs() {
            Inputs::Ids { length, .. } => Input::Ids { length: *length },
            Inputs::Matrix { features, .. } => Input::Matrix { features: *features },
        }
    }
}

/// Reads the data of a run.
///
/// # Errors
/// [`Error::File`], and [`Error::Data`] with file, line and the way out.
pub fn load(config: &RunConfig) -> Result<Loaded> {
    let data = &config.data;
    let mut loaded = match kind(config)? {
        Kind::Images => load_rows_and_targets(config)?,
        Kind::Array if config.builds_autoencoder() => load_rows_and_targets(config)?,
        Kind::Array => load_arrays(config)?,
        Kind::Table => load_table(config)?,
        Kind::Text => load_texts(config)?,
    };
    if loaded.validation.is_none() && data.validation_split != 0.0 {
        let (rest, split) = loaded.training.split(data.validation_split, config.training.seed)?;
        loaded.training = rest;
        loaded.validation = Some(split);
    }
    Ok(loaded)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Images,
    Array,
    Table,
    Text,
}

pub(super) fn ending(path: &Path) -> &str {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
}

fn kind(config: &RunConfig) -> Result<Kind> {
    let data = &config.data;
    Ok(match ending(&data.train) {
        "npy" => Kind::Array,
        "csv" | "tsv" if data.target_column.is_some() => Kind::Table,
        "csv" | "tsv" if data.targets.is_some() => {
            match column_names(&data.train)?.contains(&data.text_column) {
                true => Kind::Text,
                false => Kind::Table,
            }
        }
        "csv" | "tsv" | "jsonl" | "ndjson" => Kind::Text,
        _ if holds_images(&data.train) => Kind::Images,
        _ => Kind::Text,
    })
}

/// Rows that a model reads, with the names of their files where they have any.
#[derive(Clone, Debug)]
pub struct NamedRows {
    /// The rows.
    pub inputs: Inputs,
    /// File names, for a folder of pictures.
    pub names: Vec<String>,
}

/// Reads a file's rows through what a model learned: texts, images, tables, arrays.
///
/// # Errors
/// As [`load`].
pub fn read_rows(model: &Model, path: &Path, text_column: &str) -> Result<NamedRows> {
    let inputs = match &model.preprocessor {
        Preprocessor::Text(encoder) => {
            let columns = TextColumns { text: text_column.to_owned(), label: None };
            let examples = read_examples(path, &columns)?;
            let mut values = Vec::with_capacity(examples.texts.len() * encoder.width());
            for text in &examples.texts {
                encoder.encode(text, &mut values);
            }
            Inputs::Ids { values, length: encoder.width() }
        }
        Preprocessor::Image(encoder) => {
            let shape = encoder.input;
            let size = encoder.resize.then_some((shape.width, shape.height));
            let options = ImageOptions { size, grey: shape.channels == 1 };
            let rows = Rows::read(path, &options)?;
            if rows.width != shape.len() {
                let found =
                    rows.image.map_or(format!("{} elements", rows.width), |s| s.to_string());
                return Err(Error::data(
                    path,
                    format!("an image is {found}, but the model reads {shape}; resize the images"),
                ));
            }
            let names = rows.names.clone();
            return NamedRows { inputs: rows.inputs(), names }.checked(path);
        }
        Preprocessor::Table(encoder) if ending(path) == "npy" => {
            let rows = Rows::read(path, &ImageOptions::default())?;
            check_width(rows.width, encoder.columns.len(), path)?;
            let dataset = autoencoder_dataset(rows, &model.preprocessor, path)?;
            dataset.inputs().clone()
        }
        Preprocessor::Table(_) | Preprocessor::None => load_inputs(model, path)?,
    };
    NamedRows { inputs, names: Vec::new() }.checked(path)
}

impl NamedRows {
    /// Refuses values that are no numbers.
    fn checked(self, path: &Path) -> Result<NamedRows> {
        let source = path.display().to_string();
        let dataset = Dataset::new(self.inputs, Targets::Inputs, source)?;
        Ok(NamedRows { inputs: dataset.into_inputs(), names: self.names })
    }
}

/// Reads a file through what a model learned: with targets, to evaluate it.
///
/// # Errors
/// As [`load`].
pub(super) fn load_for(
    model: &Model,
    path: &Path,
    targets: Option<&Path>,
    columns: &TextColumns,
    skip_unknown: bool,
) -> Result<Dataset> {
    if model.latent_layer.is_some() {
        return load_for_autoencoder(model, path, targets, &columns.text);
    }
    match &model.preprocessor {
        Preprocessor::Text(encoder) => {
            let examples = read_examples(path, columns)?;
            encode_texts(encoder, &model.labels, examples, path, skip_unknown)
        }
        Preprocessor::Table(encoder) => {
            let target = Some(encoder.target.as_str()).filter(|name| !name.is_empty());
            let table = read_table(path, target, Some(&encoder.columns))?;
            encode_table(encoder, &model.labels, &table, path)
        }
        Preprocessor::Image(_) | Preprocessor::None => {
            let Some(targets) = targets else {
                return Err(Error::usage(
                    "a model of arrays is evaluated on two .npy files; give the second as targets (the same one for an autoencoder)",
                ));
            };
            array_dataset(path, targets, Some(matches!(model.input(), Input::Ids { .. })))
        }
    }
}

/// Rows with themselves as targets or, for a translation, with those of another file.
fn load_for_autoencoder(
    model: &Model,
    path: &Path,
    targets: Option<&Path>,
    text_column: &str,
) -> Result<Dataset> {
    let rows = read_rows(model, path, text_column)?;
    let source = path.display().to_string();
    match targets.filter(|&targets| targets != path) {
        Some(targets) => {
            let (values, width) = (read_targets(model, &rows, [path, targets])?, model.outputs());
            Dataset::new(rows.inputs, Targets::Values { values, width }, source)
        }
        None if model.translates() => Err(Error::usage(
            "this model translates: name the images that it should give as targets",
        )),
        None => Dataset::new(rows.inputs, Targets::Inputs, source),
    }
}

/// Reads a file's inputs alone, to predict.
pub(super) fn load_inputs(model: &Model, path: &Path) -> Result<Inputs> {
    match &model.preprocessor {
        Preprocessor::Table(encoder) => {
            let table = read_table(path, None, Some(&encoder.columns))?;
            let values = encoder.encode(&table);
            Ok(Inputs::Matrix { values, features: encoder.columns.len() })
        }
        Preprocessor::Image(_) => Ok(read_rows(model, path, "")?.inputs),
        _ => {
            let reads_ids = matches!(model.input(), Input::Ids { .. });
            array_inputs(path, read_npy(path)?, Some(reads_ids))
        }
    }
}
