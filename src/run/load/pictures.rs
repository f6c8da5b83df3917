//! Pictures with a label each: a folder of one folder a class, an IDX file with its labels beside it, arrays
//! `[images, height, width]` or `[images, height, width, channels]` with an array of labels, or a CSV, TSV or JSON lines
//! file of paths and labels. The same rows and labels come out of each.

use std::path::{Path, PathBuf};

use super::labels::{Places, class_targets, class_task, classes};
use super::matrices::{Reading, Rows, check_image};
use super::split::Split;
use super::{Given, Loaded, Tested};
use crate::data::{
    Array, ByteSource, Content, Dataset, Format, ImageEncoder, ImageShape, Inputs, Targets,
    TextColumns, array_names, column_names_of, content, extension, is_idx, read_array,
    read_class_folder, read_examples, read_examples_of, read_idx, read_picture_files,
};
use crate::error::{Error, Result};
use crate::model::{Model, Preprocessor};
use crate::run::config::RunConfig;

/// Which part of a data set is read, where one file holds several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Training,
    Validation,
    Test,
}

/// Where pictures and labels are.
#[derive(Clone, Copy, Debug)]
pub(super) struct LabelSource<'a> {
    pub path: &'a Path,
    /// The file of the labels; found beside the pictures unless given.
    pub labels: Option<&'a Path>,
    /// The array of the labels, where a `.npz` file holds several.
    pub array: Option<&'a str>,
    /// Columns of a file of paths: `text` is the paths', told from the header where it has no such column.
    pub columns: &'a TextColumns,
    pub part: Part,
}

/// Pictures with their labels.
pub(super) struct Labelled {
    rows: Rows,
    labels: Vec<String>,
    /// Lines of a file of paths; none for others.
    lines: Vec<u64>,
    path: PathBuf,
}

/// Names of the columns that a file of paths may have them in.
const PATH_COLUMNS: [&str; 8] =
    ["path", "file", "filename", "file_name", "image", "image_path", "picture", "filepath"];

/// Names of arrays of pictures and of their labels in `.npz` files, by part: Keras', MedMNIST's, and plain ones.
const TRAINING_ARRAYS: [(&str, &str); 7] = [
    ("x_train", "y_train"),
    ("train_images", "train_labels"),
    ("x", "y"),
    ("X", "y"),
    ("images", "labels"),
    ("data", "labels"),
    ("arr_0", "arr_1"),
];
const VALIDATION_ARRAYS: [(&str, &str); 3] =
    [("x_val", "y_val"), ("x_valid", "y_valid"), ("val_images", "val_labels")];
const TEST_ARRAYS: [(&str, &str); 2] = [("x_test", "y_test"), ("test_images", "test_labels")];

impl Part {
    /// Pairs of arrays that hold it, likeliest first.
    fn arrays(self) -> Vec<(&'static str, &'static str)> {
        let own = match self {
            Part::Training => &[][..],
            Part::Validation => &VALIDATION_ARRAYS,
            Part::Test => &TEST_ARRAYS,
        };
        own.iter().chain(&TRAINING_ARRAYS).copied().collect()
    }
}

impl Labelled {
    pub(super) fn read(source: &LabelSource<'_>, reading: &Reading<'_>) -> Result<Labelled> {
        let path = source.path;
        let refuse_labels = |why: &str| match source.labels {
            Some(labels) => Err(Error::usage(format!(
                "the labels {} are given, but {why}; leave them out",
                labels.display()
            ))),
            None => Ok(()),
        };
        if path.is_dir() {
            refuse_labels("a folder's labels are the names of its folders")?;
            let (images, labels) = read_class_folder(path, &reading.options, reading.channels)?;
            return Ok(Labelled {
                rows: images.into(),
                labels,
                lines: Vec::new(),
                path: path.into(),
            });
        }
        let found = match content(path) {
            Content::Array => Labelled::read_arrays(source, reading),
            Content::Images if is_idx(path) => {
                let rows = Rows::read(path, reading)?;
                let labels = match source.labels {
                    Some(labels) => labels.to_owned(),
                    None => labels_beside(path).ok_or_else(|| {
                        let names: Vec<String> = names_beside(path)
                            .iter()
                            .map(|name| name.display().to_string())
                            .collect();
                        Error::data(
                            path,
                            format!(
                                "its labels are not beside it{}; name their file as labels",
                                match names.is_empty() {
                                    true => String::new(),
                                    false => format!(" ({})", names.join(" or ")),
                                }
                            ),
                        )
                    })?,
                };
                let labels = read_labels(&labels, source)?;
                Ok(Labelled { rows, labels, lines: Vec::new(), path: path.into() })
            }
            Content::Images => Err(Error::data(
                path,
                "one picture is nothing to learn from; give a folder of one folder a class, or a CSV file of paths and labels",
            )),
            Content::Rows => {
                refuse_labels("the file of paths has a column of them")?;
                Labelled::read_list(source, reading)
            }
        }?;
        if found.labels.len() != found.rows.count() {
            return Err(Error::data(
                source.labels.unwrap_or(path),
                format!(
                    "{} labels for the {} pictures of {}; give one a picture",
                    found.labels.len(),
                    found.rows.count(),
                    path.display()
                ),
            ));
        }
        Ok(found)
    }

    fn read_arrays(source: &LabelSource<'_>, reading: &Reading<'_>) -> Result<Labelled> {
        let path = source.path;
        let names = array_names(path)?;
        let has = |name: &str| names.iter().any(|known| known == name);
        let pairs = source.part.arrays();
        let pair = match reading.array {
            Some(array) => {
                let partner = pairs.iter().find(|(x, y)| *x == array && has(y));
                Some((array, source.array.or(partner.map(|pair| pair.1))))
            }
            None => pairs
                .iter()
                .find(|(x, y)| has(x) && (source.array.is_some() || has(y)))
                .map(|&(x, y)| (x, source.array.or(Some(y)))),
        };
        let (array, of_labels) = match pair {
            Some((array, of_labels)) => (Some(array), of_labels),
            // A .npy file has one; so may a .npz file beside a file of labels.
            None => (None, source.array),
        };
        let mut rows = Rows::read(path, &Reading { array, ..*reading })?;
        if rows.image.is_none() {
            return Err(Error::data(
                path,
                format!(
                    "its rows are {} numbers without the axes of pictures; save x.reshape(-1, height, width) or x.reshape(-1, height, width, channels)",
                    rows.width
                ),
            ));
        }
        let labels = match (source.labels, of_labels) {
            (Some(labels), _) => read_labels(labels, source)?,
            (None, Some(name)) => {
                if reading.array.is_none() && names.len() > 2 {
                    rows.account.warn(format!(
                        "the pictures are its array {}, the labels {name}; it holds {}",
                        array.unwrap_or_default(),
                        names.join(", ")
                    ));
                }
                labels_of(&read_array(path, Some(name))?, path)?
            }
            (None, None) => {
                return Err(Error::data(
                    path,
                    match names.is_empty() {
                        true => "the array has no labels: name their file as labels".to_owned(),
                        false => format!(
                            "it is not told which of its arrays ({}) are the pictures and which the labels; name them by array and labels_array",
                            names.join(", ")
                        ),
                    },
                ));
            }
        };
        Ok(Labelled { rows, labels, lines: Vec::new(), path: path.into() })
    }

    /// A file of paths, relative to its folder, with their labels.
    fn read_list(source: &LabelSource<'_>, reading: &Reading<'_>) -> Result<Labelled> {
        let path = source.path;
        let bytes = ByteSource::read(path)?;
        let mut columns = source.columns.clone();
        let is_separated = match columns.format {
            Some(format) => matches!(format, Format::Csv | Format::Tsv),
            None => matches!(bytes.extension.as_str(), "csv" | "tsv" | "tab"),
        };
        if is_separated && !columns.no_header {
            let names = column_names_of(&bytes)?;
            if !names.contains(&columns.text) {
                let known = PATH_COLUMNS.iter().find(|name| names.iter().any(|n| n == *name));
                columns.text = match known {
                    Some(name) => (*name).to_owned(),
                    None => {
                        return Err(Error::line(
                            path,
                            1,
                            format!(
                                "no column of paths is known among {}; name it as path_column (a table of pixels is learned as a table, or saved as an array [pictures, height, width])",
                                crate::data::listed(&names)
                            ),
                        ));
                    }
                };
            }
        }
        let examples = read_examples_of(&bytes, &columns)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let files: Vec<PathBuf> =
            examples.texts.iter().map(|name| folder.join(name.trim())).collect();
        for ((file, name), &line) in files.iter().zip(&examples.texts).zip(&examples.lines) {
            if !file.is_file() {
                return Err(Error::line(
                    path,
                    line,
                    format!(
                        "the picture \"{}\" is not there ({}); paths are relative to the folder of this file",
                        name.trim(),
                        file.display()
                    ),
                ));
            }
        }
        let images = read_picture_files(&files, &reading.options, reading.channels)?;
        let rows = Rows {
            names: examples.texts.iter().map(|name| name.trim().to_owned()).collect(),
            account: examples.account,
            ..images.into()
        };
        Ok(Labelled { rows, labels: examples.labels, lines: examples.lines, path: path.into() })
    }

    fn places(&self) -> Places<'_> {
        match (&self.lines[..], &self.rows.names[..]) {
            ([], []) => Places::Rows,
            ([], names) => Places::Files(names),
            (lines, _) => Places::Lines(lines),
        }
    }

    /// The size of the pictures.
    fn shape(&self) -> Result<ImageShape> {
        self.rows.image.ok_or_else(|| Error::data(&self.path, "its rows are no pictures"))
    }

    /// Numbers of the classes, which are `known`.
    fn class_targets(&self, known: &[String]) -> Result<Vec<f32>> {
        class_targets(&self.path, &self.labels, self.places(), known)
    }

    /// The examples of a model that reads `shape` and knows these classes.
    fn examples(mut self, shape: ImageShape, known: &[String]) -> Result<Tested> {
        check_image(&self.rows, shape, &self.path)?;
        let values = self.class_targets(known)?;
        let (names, account) = (std::mem::take(&mut self.rows.names), self.rows.account.clone());
        let (source, features) = (self.path.display().to_string(), self.rows.width);
        let inputs = Inputs::Matrix { values: self.rows.reals(), features };
        let dataset = Dataset::new(inputs, Targets::Values { values, width: 1 }, source)?;
        Ok(Tested { dataset, names, account })
    }
}

/// Where the labels of an IDX file of images lie by the names that are usual, packed or not.
fn names_beside(path: &Path) -> Vec<PathBuf> {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
        return Vec::new();
    };
    let other = name.replace("images", "labels").replace("idx3", "idx1");
    if other == name {
        return Vec::new();
    }
    let twin = match other.strip_suffix(".gz") {
        Some(plain) => plain.to_owned(),
        None => format!("{other}.gz"),
    };
    [other, twin].map(|name| path.with_file_name(name)).to_vec()
}

/// The labels that lie beside an IDX file of images: `train-labels-idx1-ubyte` for `train-images-idx3-ubyte`.
pub(in crate::run) fn labels_beside(path: &Path) -> Option<PathBuf> {
    names_beside(path).into_iter().find(|path| path.is_file())
}

/// Labels by themselves: an IDX file, an array, a column of a table, or a line each.
fn read_labels(path: &Path, source: &LabelSource<'_>) -> Result<Vec<String>> {
    match content(path) {
        Content::Array => labels_of(&read_array(path, source.array)?, path),
        Content::Images if is_idx(path) => {
            let idx = read_idx(path)?;
            match idx.dimensions.len() {
                1 => Ok(idx.bytes.iter().map(u8::to_string).collect()),
                axes => Err(Error::data(
                    path,
                    format!("labels have one dimension, but the IDX file has {axes}"),
                )),
            }
        }
        Content::Images => Err(Error::data(path, "a picture is no file of labels")),
        Content::Rows => {
            let has_columns = matches!(extension(path).as_str(), "csv" | "tsv" | "tab" | "jsonl");
            let text = match (has_columns, &source.columns.label) {
                (true, Some(label)) => label.clone(),
                _ => source.columns.text.clone(),
            };
            let columns = TextColumns { text, label: None, ..source.columns.clone() };
            let examples = read_examples(path, &columns)?;
            Ok(examples.texts.iter().map(|label| label.trim().to_owned()).collect())
        }
    }
}

/// The labels that an array of whole numbers says.
fn labels_of(array: &Array, path: &Path) -> Result<Vec<String>> {
    if array.width != 1 {
        return Err(Error::data(
            path,
            format!(
                "an array of labels has the shape [pictures], but this one {:?}; save y.argmax(-1) of labels with one column a class",
                array.shape
            ),
        ));
    }
    let label = |(row, value): (usize, &f64)| match value.fract() == 0.0 && value.abs() < 1e15 {
        true => Ok(format!("{value:.0}")),
        false => Err(Error::Data {
            place: format!("{}, row {}", path.display(), row + 1),
            message: format!("{value} is no label; labels are whole numbers"),
        }),
    };
    array.values.iter().enumerate().map(label).collect()
}

/// Pictures of a run, to be told apart.
pub(super) fn load_pictures(config: &RunConfig, given: Given) -> Result<Loaded> {
    let data = &config.data;
    let reading = Reading::of_run(config).through(given.preprocessor());
    let columns = config.data.pictures();
    let source = LabelSource {
        path: &data.train,
        labels: data.labels.as_deref(),
        array: data.labels_array.as_deref(),
        columns: &columns,
        part: Part::Training,
    };
    let pictures = Labelled::read(&source, &reading)?;
    let shape = pictures.shape()?;
    if let Some(Preprocessor::Image(encoder)) = given.preprocessor() {
        check_image(&pictures.rows, encoder.input, &data.train)?;
    }
    let mut account = pictures.rows.account.clone();
    let (places, known) = (pictures.places(), given.labels());
    let labels = classes(&data.train, &pictures.labels, places, data, known, &mut account)?;
    let class_of_row = pictures.class_targets(&labels)?;
    let split = Split::draw(config, class_of_row.len(), Some(&class_of_row), &mut account)?;
    // What a model that is trained on reads stays as it is.
    let encoder = match given.preprocessor() {
        Some(Preprocessor::Image(encoder)) => *encoder,
        _ => config.images.encoder([shape; 2], [pictures.rows.divisor; 2]),
    };
    let all = pictures.examples(shape, &labels)?.dataset;
    let preprocessor = Preprocessor::Image(encoder);
    let reading = Reading::of_run(config).through(Some(&preprocessor));
    let mut accounts = vec![account];
    let mut part = |path: &Option<PathBuf>, labels_file: &Option<PathBuf>, part: Part| {
        let Some(path) = path else { return Ok(None) };
        let labels_file = labels_file.as_deref();
        let source = LabelSource { path, labels: labels_file, part, ..source };
        let found = Labelled::read(&source, &reading)?.examples(shape, &labels)?;
        accounts.push(found.account.clone());
        Ok::<_, Error>(Some(found))
    };
    let validation = part(&data.validation, &data.validation_labels, Part::Validation)?;
    let test = part(&data.test, &data.test_labels, Part::Test)?;
    let validation = match split.validation.is_empty() {
        true => validation.map(|found| found.dataset),
        false => Some(all.take(&split.validation)),
    };
    let training = match split.validation.is_empty() {
        true => all,
        false => all.take(&split.training),
    };
    Ok(Loaded {
        training: training.into(),
        validation,
        test,
        held_out: None,
        task: class_task(&labels),
        preprocessor,
        labels,
        embedding_rows: 0,
        accounts,
    })
}

/// Pictures with their labels as a classifier reads them.
pub(super) fn pictures_for(
    model: &Model,
    encoder: &ImageEncoder,
    path: &Path,
    labels: Option<&Path>,
    columns: &TextColumns,
) -> Result<Tested> {
    // The column of texts, which a command names unless it is told another, is none of paths.
    let text = match columns.text.as_str() {
        "text" => PATH_COLUMNS[0].to_owned(),
        text => text.to_owned(),
    };
    let columns = &TextColumns { text, ..columns.clone() };
    let source = LabelSource { path, labels, array: None, columns, part: Part::Test };
    Labelled::read(&source, &Reading::of(encoder))?.examples(encoder.input, &model.labels)
}
