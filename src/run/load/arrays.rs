//! Arrays of a .npy file with targets in another: ids, or rows of numbers as they stand.

use std::path::Path;

use super::{Loaded, Task};
use crate::data::{Array, Dataset, Inputs, Targets, read_array};
use crate::error::{Error, Result};
use crate::model::Preprocessor;
use crate::run::config::RunConfig;

pub(super) fn load_arrays(config: &RunConfig) -> Result<Loaded> {
    let data = &config.data;
    let Some(targets) = &data.targets else {
        return Err(Error::usage(
            "a .npy file needs targets: name their file, or the same one for an autoencoder",
        ));
    };
    let first = config.model.layers.as_ref().and_then(|layers| layers.first());
    let reads_ids = first.map(|layer| layer.table_rows().is_some());
    let training = array_dataset(&data.train, targets, reads_ids, data.array.as_deref())?;
    let validation = match (&data.validation, &data.validation_targets) {
        (None, _) => None,
        (Some(path), Some(targets)) => {
            Some(array_dataset(path, targets, reads_ids, data.array.as_deref())?)
        }
        (Some(path), None) if targets == &data.train => {
            Some(array_dataset(path, path, reads_ids, data.array.as_deref())?)
        }
        (Some(_), None) => {
            return Err(Error::usage("the validation file needs validation_targets beside it"));
        }
    };
    let embedding_rows = match training.inputs() {
        Inputs::Ids { values, .. } => values.iter().max().map_or(0, |&id| id as usize + 1),
        Inputs::Ragged { .. } | Inputs::Matrix { .. } => 0,
    };
    Ok(Loaded {
        training,
        validation,
        test: None,
        held_out: None,
        preprocessor: Preprocessor::None,
        labels: Vec::new(),
        task: Task::Given,
        embedding_rows,
        accounts: Vec::new(),
    })
}

/// Inputs from an array: ids where the model reads ids, or, with no model yet, where the file's
/// type is an integer's.
pub(super) fn array_inputs(path: &Path, array: Array, reads_ids: Option<bool>) -> Result<Inputs> {
    let width = array.width;
    Ok(match reads_ids.unwrap_or(array.is_integer) {
        true => Inputs::Ids { values: array.into_ids(path)?, length: width },
        false => Inputs::Matrix { values: array.into_reals(), features: width },
    })
}

pub(super) fn array_dataset(
    path: &Path,
    targets: &Path,
    reads_ids: Option<bool>,
    name: Option<&str>,
) -> Result<Dataset> {
    let array = read_array(path, name)?;
    if array.width == 0 || array.rows == 0 {
        return Err(Error::data(path, "the array is empty; give rows of at least one element"));
    }
    let rows = array.rows;
    let inputs = array_inputs(path, array, reads_ids)?;
    if targets == path {
        return Dataset::new(inputs, Targets::Inputs, path.display().to_string());
    }
    let array = read_array(targets, name)?;
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
