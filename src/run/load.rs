//! Files to data sets: for training, where the vocabulary, the labels and the scales are learned,
//! and for a model that stands, through what it learned.

use std::collections::BTreeMap;
use std::path::Path;

use super::config::{DataConfig, RunConfig};
use crate::data::{
    Array, Dataset, Examples, ImageEncoder, ImageOptions, ImageShape, Inputs, Table, TableEncoder,
    TableTask, Targets, TextColumns, column_names, holds_images, read_examples, read_images,
    read_npy, read_table,
};
use crate::error::{Error, Result};
use crate::model::{Input, Model, Preprocessor};
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
                "the label \"{label}\" appears only once; correct it, remove the row, or set allow_single_labels"
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
    // An autoencoder's texts need no labels.
    let label = (!config.is_autoencoder()).then(|| data.label_column.clone());
    let columns = TextColumns { text: data.text_column.clone(), label };
    let examples = read_examples(&data.train, &columns)?;
    let labels = match config.is_autoencoder() {
        true => Vec::new(),
        false => classes(&data.train, &examples.labels, &examples.lines, data)?,
    };
    let encoder = TextEncoder::fit(&examples.texts, &config.text)?;
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
        task: if labels.is_empty() { Task::Given } else { class_task(&labels) },
        // Rows that an autoencoder gives back, one an id, are read four at a time.
        embedding_rows: match config.is_autoencoder() {
            true => encoder.rows().next_multiple_of(4),
            false => encoder.rows(),
        },
        preprocessor: Preprocessor::Text(encoder),
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
    let (mut values, encoded) = encoder.encode_all(&examples.texts);
    let kept: Vec<bool> = encoded.iter().map(|encoded| encoded.known > 0).collect();
    for ((text, &line), &known) in examples.texts.iter().zip(&examples.lines).zip(&kept) {
        if !known && !skip_unknown {
            let shown: String = text.chars().take(40).collect();
            return Err(Error::line(
                path,
                line,
                format!(
                    "the text \"{shown}\" has no known word; correct or remove it, or set skip_unknown to leave such rows out"
                ),
            ));
        }
    }
    if kept.contains(&false) {
        let rows = values.chunks_exact(width).zip(&kept).filter(|(_, kept)| **kept);
        values = rows.flat_map(|(row, _)| row).copied().collect();
    }
    let inputs = Inputs::Ids { values, length: width };
    let source = path.display().to_string();
    if labels.is_empty() {
        return Dataset::new(inputs, Targets::Inputs, source);
    }
    let mut keep = kept.iter();
    examples.labels.retain(|_| *keep.next().unwrap_or(&true));
    let mut keep = kept.iter();
    examples.lines.retain(|_| *keep.next().unwrap_or(&true));
    let targets = class_targets(path, &examples.labels, &examples.lines, labels)?;
    Dataset::new(inputs, Targets::Values { values: targets, width: 1 }, source)
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
        preprocessor: Preprocessor::Table(encoder),
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
    let reads_ids = first.map(|layer| layer.table_rows().is_some());
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
        preprocessor: Preprocessor::None,
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

// Images, and matrices whose every column is both input and target.

/// Rows of numbers from a file, of images where the file says so.
struct Rows {
    values: Vec<f32>,
    width: usize,
    image: Option<ImageShape>,
    /// File names, for a folder of pictures.
    names: Vec<String>,
}

impl Rows {
    /// Reads images, or the array of a `.npy` file: of images where it has three axes or four.
    fn read(path: &Path, options: &ImageOptions) -> Result<Rows> {
        if ending(path) != "npy" {
            let images = read_images(path, options)?;
            let (width, image) = (images.shape.len(), Some(images.shape));
            return Ok(Rows { values: images.values, width, image, names: images.names });
        }
        let array = read_npy(path)?;
        if array.width == 0 || array.rows == 0 {
            return Err(Error::data(path, "the array is empty; give rows of at least one element"));
        }
        let image = match array.shape[..] {
            [_, height, width] => Some(ImageShape { width, height, channels: 1 }),
            [_, height, width, channels @ (1 | 3)] => Some(ImageShape { width, height, channels }),
            _ => None,
        };
        let (width, is_integer) = (array.width, array.is_integer);
        let mut values = array.into_reals();
        if image.is_some() && is_integer {
            values.iter_mut().for_each(|value| *value /= 255.0);
        }
        Ok(Rows { values, width, image, names: Vec::new() })
    }

    fn inputs(self) -> Inputs {
        Inputs::Matrix { values: self.values, features: self.width }
    }

    fn count(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    fn is_within_0_and_1(&self) -> bool {
        self.values.iter().all(|value| (0.0..=1.0).contains(value))
    }
}

/// A data set of rows with rows as targets, paired by file name or row by row.
fn paired(inputs: Rows, targets: Rows, paths: [&Path; 2]) -> Result<Dataset> {
    let stem = |name: &String| {
        Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned()
    };
    if !inputs.names.is_empty() && !targets.names.is_empty() {
        let stems: [Vec<String>; 2] =
            [&inputs, &targets].map(|rows| rows.names.iter().map(stem).collect());
        for (i, j) in [(0, 1), (1, 0)] {
            if let Some(lone) = stems[i].iter().find(|name| !stems[j].contains(name)) {
                return Err(Error::data(
                    paths[i],
                    format!(
                        "the picture {lone} has no partner of that name in {}; add it, or remove this one",
                        paths[j].display()
                    ),
                ));
            }
        }
        // Both are sorted by name, but an ending can change the order.
        if stems[0] != stems[1] {
            return Err(Error::data(
                paths[1],
                format!(
                    "the pictures stand in another order than in {}; give both the same endings",
                    paths[0].display()
                ),
            ));
        }
    }
    if inputs.count() != targets.count() {
        return Err(Error::data(
            paths[1],
            format!(
                "{} rows of targets for the {} rows of {}",
                targets.count(),
                inputs.count(),
                paths[0].display()
            ),
        ));
    }
    let width = targets.width;
    let targets = Targets::Values { values: targets.values, width };
    Dataset::new(inputs.inputs(), targets, paths[0].display().to_string())
}

/// Images, or a matrix for an autoencoder.
fn load_rows_and_targets(config: &RunConfig) -> Result<Loaded> {
    let data = &config.data;
    let Some(target_path) = &data.targets else {
        return Err(Error::usage(
            "images have no labels to learn: train an autoencoder of them (`wgslearn train autoencoder`), or name target images (`wgslearn train translate`)",
        ));
    };
    let rows = Rows::read(&data.train, &config.images)?;
    let (image, resize) = (rows.image, config.images.size.is_some());
    if config.is_autoencoder() {
        let encoder = match image {
            Some(shape) => {
                Preprocessor::Image(ImageEncoder { input: shape, output: shape, resize })
            }
            None if rows.is_within_0_and_1() => Preprocessor::None,
            None => {
                // What is no number is told by the data set, with its place.
                let values: Vec<f64> = rows.values.iter().map(|&value| value as f64).collect();
                Preprocessor::Table(TableEncoder::fit_matrix(&values, rows.width))
            }
        };
        let width = rows.width;
        let training = autoencoder_dataset(rows, &encoder, &data.train)?;
        let validation = match &data.validation {
            None => None,
            Some(path) => {
                let rows = Rows::read(path, &config.images)?;
                check_width(rows.width, width, path)?;
                Some(autoencoder_dataset(rows, &encoder, path)?)
            }
        };
        return Ok(Loaded::given(training, validation, encoder));
    }
    // Targets keep their own size.
    let options = ImageOptions { size: None, ..config.images };
    let targets = Rows::read(target_path, &options)?;
    let encoder = match (image, targets.image) {
        (Some(input), Some(output)) => Preprocessor::Image(ImageEncoder { input, output, resize }),
        _ => Preprocessor::None,
    };
    let training = paired(rows, targets, [&data.train, target_path])?;
    let validation = match (&data.validation, &data.validation_targets) {
        (None, _) => None,
        (Some(path), Some(target_path)) => {
            let rows = Rows::read(path, &config.images)?;
            check_width(rows.width, training.inputs().width(), path)?;
            let targets = Rows::read(target_path, &options)?;
            Some(paired(rows, targets, [path, target_path])?)
        }
        (Some(_), None) => {
            return Err(Error::usage("the validation file needs validation_targets beside it"));
        }
    };
    Ok(Loaded::given(training, validation, encoder))
}

fn check_width(width: usize, wanted: usize, path: &Path) -> Result<()> {
    if width == wanted {
        return Ok(());
    }
    Err(Error::data(
        path,
        format!("a row has {width} elements, but {wanted} were trained on; resize or cut the rows"),
    ))
}

fn autoencoder_dataset(rows: Rows, encoder: &Preprocessor, path: &Path) -> Result<Dataset> {
    let source = path.display().to_string();
    let inputs = match encoder {
        Preprocessor::Table(encoder) => {
            // Checked before the scale hides what is no number.
            Dataset::new(
                Inputs::Matrix { values: rows.values.clone(), features: rows.width },
                Targets::Inputs,
                source.clone(),
            )?;
            let values = rows.values.iter().map(|&value| value as f64).collect();
            let table = Table { columns: encoder.columns.clone(), values, ..Table::default() };
            Inputs::Matrix { values: encoder.encode(&table), features: rows.width }
        }
        _ => rows.inputs(),
    };
    Dataset::new(inputs, Targets::Inputs, source)
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

/// Reads what a model that gives images is held against: pictures, or rows.
///
/// # Errors
/// As [`load`]; [`Error::Data`] when they do not pair with the inputs.
pub fn read_targets(model: &Model, rows: &NamedRows, paths: [&Path; 2]) -> Result<Vec<f32>> {
    let grey = match &model.preprocessor {
        Preprocessor::Image(encoder) => encoder.output.channels == 1,
        _ => false,
    };
    let targets = Rows::read(paths[1], &ImageOptions { size: None, grey })?;
    if targets.width != model.outputs() {
        return Err(Error::data(
            paths[1],
            format!(
                "a target has {} elements, but the model gives {}",
                targets.width,
                model.outputs()
            ),
        ));
    }
    let inputs = Rows {
        values: vec![0.0; rows.inputs.rows()],
        width: 1,
        image: None,
        names: rows.names.clone(),
    };
    Ok(paired(inputs, targets, paths)?.target_values().to_vec())
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
