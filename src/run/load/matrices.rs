//! Images, and matrices whose every column is both input and target.

use std::path::Path;

use super::{Loaded, NamedRows, ending};
use crate::data::{
    Dataset, ImageEncoder, ImageOptions, ImageShape, Inputs, Table, TableEncoder, Targets,
    read_images, read_npy,
};
use crate::error::{Error, Result};
use crate::model::{Model, Preprocessor};
use crate::run::config::RunConfig;

/// Rows of numbers from a file, of images where the file says so.
pub(super) struct Rows {
    pub(super) values: Vec<f32>,
    pub(super) width: usize,
    pub(super) image: Option<ImageShape>,
    /// File names, for a folder of pictures.
    pub(super) names: Vec<String>,
}

impl Rows {
    /// Reads images, or the array of a `.npy` file: of images where it has three axes or four.
    pub(super) fn read(path: &Path, options: &ImageOptions) -> Result<Rows> {
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

    pub(super) fn inputs(self) -> Inputs {
        Inputs::Matrix { values: self.values, features: self.width }
    }

    pub(super) fn count(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    pub(super) fn is_within_0_and_1(&self) -> bool {
        self.values.iter().all(|value| (0.0..=1.0).contains(value))
    }
}

/// A data set of rows with rows as targets, paired by file name or row by row.
pub(super) fn paired(inputs: Rows, targets: Rows, paths: [&Path; 2]) -> Result<Dataset> {
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
pub(super) fn load_rows_and_targets(config: &RunConfig) -> Result<Loaded> {
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

pub(super) fn check_width(width: usize, wanted: usize, path: &Path) -> Result<()> {
    if width == wanted {
        return Ok(());
    }
    Err(Error::data(
        path,
        format!("a row has {width} elements, but {wanted} were trained on; resize or cut the rows"),
    ))
}

pub(super) fn autoencoder_dataset(
    rows: Rows,
    encoder: &Preprocessor,
    path: &Path,
) -> Result<Dataset> {
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
