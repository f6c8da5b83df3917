//! Files to data sets: for training, where the vocabulary, the labels and the scales are learned,
//! and for a model that stands, through what it learned.

use std::collections::BTreeMap;
use std::path::Path;

use super::config::{DataConfig, RunConfig};
use crate::data::{
    Array, Dataset, Examples, Inputs, Table, TableEncoder, TableTask, Targets, TextColumns,
    read_examples, read_npy, read_table,
};
use crate::error::{Error, Result};
use crate::model::{Encoder, Input, Layer, Model};
use crate::text::TextEncoder;

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
    pub encoder: Encoder,
    /// Names of the classes.
    pub labels: Vec<String>,
    /// What the data ask for.
    pub task: Task,
    /// Rows that an embedding needs.
    pub embedding_rows: usize,
}

impl Loaded {
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
    let mut loaded = match kind(data) {
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
    Array,
    Table,
    Text,
}

fn ending(path: &Path) -> &str {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
}

fn kind(data: &DataConfig) -> Kind {
    match ending(&data.train) {
        "npy" => Kind::Array,
        "csv" | "tsv" if data.target_column.is_some() || data.targets.is_some() => Kind::Table,
        _ => Kind::Text,
    }
}

/// Labels in order: by number where all are numbers, else by letters.
fn sorted_labels<'l>(labels: impl Iterator<Item = &'l str>) -> Vec<String> {
    let mut labels: Vec<&str> = labels.collect();
    labels.sort_unstable();
    labels.dedup();
    let numbers: Option<Vec<f64>> = labels.iter().map(|label| label.parse().ok()).collect();
    if numbers.is_some() {
        let value = |label: &str| label.parse::<f64>().unwrap_or_default();
        labels.sort_by(|a, b| value(a).total_cmp(&value(b)));
    }
    labels.into_iter().map(str::to_owned).collect()
}

/// The classes of a file's labels, checked: at least two, and none in one row only.
fn classes(
    path: &Path,
    labels: &[String],
    lines: &[u64],
    data: &DataConfig,
) -> Result<Vec<String>> {
    let mut seen: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for (label, &line) in labels.iter().zip(lines) {
        seen.entry(label).or_insert((0, line)).0 += 1;
    }
    if seen.len() < 2 {
        return Err(Error::data(
            path,
            format!(
                "every row has the label \"{}\"; a classifier needs rows of at least two labels",
                labels.first().map_or("", String::as_str)
            ),
        ));
    }
    if let Some((label, (_, line))) = seen.iter().find(|(_, (count, _))| *count == 1)
        && !data.allow_single_labels
    {
        return Err(Error::line(
            path,
            *line,
            format!(
                "the label \"{label}\" stands in this row only; correct it, remove the row, or pass --allow-single-labels"
            ),
        ));
    }
    Ok(sorted_labels(seen.keys().copied()))
}

/// Class numbers of labels.
fn class_targets(
    path: &Path,
    labels: &[String],
    lines: &[u64],
    known: &[String],
) -> Result<Vec<f32>> {
    let number = |(label, &line): (&String, &u64)| {
        let class = known.iter().position(|name| name == label).ok_or_else(|| {
            Error::line(
                path,
                line,
                format!("the label \"{label}\" is none of the model's: {}", known.join(", ")),
            )
        })?;
        Ok(class as f32)
    };
    labels.iter().zip(lines).map(number).collect()
}

fn class_task(labels: &[String]) -> Task {
    if labels.len() == 2 { Task::Binary } else { Task::Classes }
}

// Texts.

fn load_texts(config: &RunConfig) -> Result<Loaded> {
    let data = &config.data;
    let columns =
        TextColumns { text: data.text_column.clone(), label: Some(data.label_column.clone()) };
    let examples = read_examples(&data.train, &columns)?;
    let labels = classes(&data.train, &examples.labels, &examples.lines, data)?;
    let encoder = TextEncoder::fit(examples.texts.iter().map(String::as_str), &config.text)?;
    let training = encode_texts(&encoder, &labels, examples, &data.train, data.skip_unknown)?;
    let validation = match &data.validation {
        None => None,
        Some(path) => {
            let examples = read_examples(path, &columns)?;
            Some(encode_texts(&encoder, &labels, examples, path, data.skip_unknown)?)
        }
    };
    Ok(Loaded {
        training,
        validation,
        task: class_task(&labels),
        embedding_rows: encoder.rows(),
        encoder: Encoder::Text(encoder),
        labels,
    })
}

fn encode_texts(
    encoder: &TextEncoder,
    labels: &[String],
    mut examples: Examples,
    path: &Path,
    skip_unknown: bool,
) -> Result<Dataset> {
    let width = encoder.width();
    let mut values = Vec::with_capacity(examples.texts.len() * width);
    let mut kept = Vec::with_capacity(examples.texts.len());
    for (text, &line) in examples.texts.iter().zip(&examples.lines) {
        let known = encoder.encode(text, &mut values).known > 0;
        if !known && !skip_unknown {
            let shown: String = text.chars().take(40).collect();
            return Err(Error::line(
                path,
                line,
                format!(
                    "the text \"{shown}\" has no known word; correct or remove it, or pass --skip-unknown to leave such rows out"
                ),
            ));
        }
        if !known {
            values.truncate(values.len() - width);
        }
        kept.push(known);
    }
    let mut keep = kept.iter();
    examples.labels.retain(|_| *keep.next().unwrap_or(&true));
    let mut keep = kept.iter();
    examples.lines.retain(|_| *keep.next().unwrap_or(&true));
    let targets = class_targets(path, &examples.labels, &examples.lines, labels)?;
    Dataset::new(
        Inputs::Ids { values, length: width },
        Targets::Values { values: targets, width: 1 },
        path.display().to_string(),
    )
}

// Tables.

fn load_table(config: &RunConfig) -> Result<Loaded> {
    let data = &config.data;
    let path = &data.train;
    let target = data.target_column.as_deref();
    if target.is_none() && data.targets.as_ref() != Some(path) {
        return Err(Error::usage(
            "a table's targets are one of its columns: name it with target_column (or give the table itself as targets, for an autoencoder)",
        ));
    }
    let table = read_table(path, target, None)?;
    let task = match (target, data.task) {
        (None, _) => None,
        (Some(_), Some(task)) => Some(task),
        (Some(_), None) => Some(table.task()),
    };
    let numbers = match task {
        Some(TableTask::Regression) => Some(table.numeric_targets(path)?),
        _ => None,
    };
    let labels = match task {
        Some(TableTask::Classes) => classes(path, &table.targets, &table.lines, data)?,
        _ => Vec::new(),
    };
    let encoder = TableEncoder::fit(&table, target.unwrap_or_default(), numbers.as_deref());
    let training = encode_table(&encoder, &labels, &table, path)?;
    let validation = match &data.validation {
        None => None,
        Some(path) => {
            let table = read_table(path, target, Some(&encoder.columns))?;
            Some(encode_table(&encoder, &labels, &table, path)?)
        }
    };
    Ok(Loaded {
        training,
        validation,
        task: match task {
            Some(TableTask::Classes) => class_task(&labels),
            Some(TableTask::Regression) => Task::Regression,
            None => Task::Given,
        },
        encoder: Encoder::Table(encoder),
        labels,
        embedding_rows: 0,
    })
}

fn encode_table(
    encoder: &TableEncoder,
    labels: &[String],
    table: &Table,
    path: &Path,
) -> Result<Dataset> {
    let inputs = Inputs::Matrix { values: encoder.encode(table), features: encoder.columns.len() };
    let targets = if encoder.target.is_empty() {
        Targets::Inputs
    } else if encoder.target_scale.is_some() {
        let numbers = table.numeric_targets(path)?;
        let values = numbers.into_iter().map(|number| encoder.encode_target(number)).collect();
        Targets::Values { values, width: 1 }
    } else {
        let values = class_targets(path, &table.targets, &table.lines, labels)?;
        Targets::Values { values, width: 1 }
    };
    Dataset::new(inputs, targets, path.display().to_string())
}

// Arrays.

fn load_arrays(config: &RunConfig) -> Result<Loaded> {
    let data = &config.data;
    let Some(targets) = &data.targets else {
        return Err(Error::usage(
            "a .npy file needs targets: name their file, or the same one for an autoencoder",
        ));
    };
    let first = config.model.layers.as_ref().and_then(|layers| layers.first());
    let reads_ids = first.map(|layer| matches!(layer, Layer::Embedding { .. }));
    let training = array_dataset(&data.train, targets, reads_ids)?;
    let validation = match (&data.validation, &data.validation_targets) {
        (None, _) => None,
        (Some(path), Some(targets)) => Some(array_dataset(path, targets, reads_ids)?),
        (Some(path), None) if targets == &data.train => Some(array_dataset(path, path, reads_ids)?),
        (Some(_), None) => {
            return Err(Error::usage("the validation file needs validation_targets beside it"));
        }
    };
    let embedding_rows = match training.inputs() {
        Inputs::Ids { values, .. } => values.iter().max().map_or(0, |&id| id as usize + 1),
        Inputs::Matrix { .. } => 0,
    };
    Ok(Loaded {
        training,
        validation,
        encoder: Encoder::None,
        labels: Vec::new(),
        task: Task::Given,
        embedding_rows,
    })
}

/// Inputs from an array: ids where the model reads ids, or, with no model yet, where the file's
/// type is an integer's.
fn array_inputs(path: &Path, array: Array, reads_ids: Option<bool>) -> Result<Inputs> {
    let width = array.width;
    Ok(match reads_ids.unwrap_or(array.is_integer) {
        true => Inputs::Ids { values: array.into_ids(path)?, length: width },
        false => Inputs::Matrix { values: array.into_reals(), features: width },
    })
}

fn array_dataset(path: &Path, targets: &Path, reads_ids: Option<bool>) -> Result<Dataset> {
    let array = read_npy(path)?;
    if array.width == 0 || array.rows == 0 {
        return Err(Error::data(path, "the array is empty; give rows of at least one element"));
    }
    let rows = array.rows;
    let inputs = array_inputs(path, array, reads_ids)?;
    if targets == path {
        return Dataset::new(inputs, Targets::Inputs, path.display().to_string());
    }
    let array = read_npy(targets)?;
    if array.rows != rows {
        return Err(Error::data(
            targets,
            format!("{} rows of targets for the {rows} rows of {}", array.rows, path.display()),
        ));
    }
    let width = array.width;
    let targets = Targets::Values { values: array.into_reals(), width };
    Dataset::new(inputs, targets, path.display().to_string())
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
    match &model.encoder {
        Encoder::Text(encoder) => {
            let examples = read_examples(path, columns)?;
            encode_texts(encoder, &model.labels, examples, path, skip_unknown)
        }
        Encoder::Table(encoder) => {
            let target = Some(encoder.target.as_str()).filter(|name| !name.is_empty());
            let table = read_table(path, target, Some(&encoder.columns))?;
            encode_table(encoder, &model.labels, &table, path)
        }
        Encoder::Image(_) | Encoder::None => {
            let Some(targets) = targets else {
                return Err(Error::usage(
                    "a model of arrays is evaluated on two .npy files; give the second with --targets (the same one for an autoencoder)",
                ));
            };
            array_dataset(path, targets, Some(matches!(model.input(), Input::Ids { .. })))
        }
    }
}

/// Reads a file's inputs alone, to predict.
pub(super) fn load_inputs(model: &Model, path: &Path) -> Result<Inputs> {
    match &model.encoder {
        Encoder::Table(encoder) => {
            let table = read_table(path, None, Some(&encoder.columns))?;
            let values = encoder.encode(&table);
            Ok(Inputs::Matrix { values, features: encoder.columns.len() })
        }
        _ => {
            let reads_ids = matches!(model.input(), Input::Ids { .. });
            array_inputs(path, read_npy(path)?, Some(reads_ids))
        }
    }
}
