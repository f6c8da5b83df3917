//! Arrays of a .npy file with targets in another: ids, or rows of numbers as they stand.

use std::path::Path;

use super::Loaded;
use crate::data::{Array, Dataset, Inputs, Targets, array_path, read_array};
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
    let name = data.array.as_deref();
    let training = array_dataset(&data.train, targets, reads_ids(config), name)?;
    let validation = validation_arrays(config, targets)?;
    let embedding_rows = embedding_rows(training.inputs());
    Ok(Loaded { embedding_rows, ..Loaded::given(training, validation, Preprocessor::None) })
}

/// Whether the run's model reads ids, where the run says its layers.
pub(super) fn reads_ids(config: &RunConfig) -> Option<bool> {
    let first = config.model.layers.as_ref().and_then(|layers| layers.first());
    first.map(|layer| layer.table_rows().is_some())
}

/// The rows that a run is validated on, where a file holds them; `targets` are those of the rows to train on.
pub(super) fn validation_arrays(config: &RunConfig, targets: &Path) -> Result<Option<Dataset>> {
    let data = &config.data;
    let (path, targets) = match (&data.validation, &data.validation_targets) {
        (None, _) => return Ok(None),
        (Some(path), Some(targets)) => (path, targets),
        (Some(path), None) if targets == data.train => (path, path),
        (Some(_), None) => {
            return Err(Error::usage("the validation file needs validation_targets beside it"));
        }
    };
    array_dataset(path, targets, reads_ids(config), data.array.as_deref()).map(Some)
}

/// Rows that an embedding of these ids has.
pub(super) fn embedding_rows(inputs: &Inputs) -> usize {
    match inputs {
        Inputs::Ids { values, .. } => values.iter().max().map_or(0, |&id| id as usize + 1),
        Inputs::Ragged { .. } | Inputs::Matrix { .. } => 0,
    }
}

/// Inputs from an array: ids where the model reads ids, or, with no model yet, where the file's
/// type is an integer's.
/// There are `before` rows before them in the file.
pub(super) fn array_inputs(
    path: &Path,
    array: Array,
    reads_ids: Option<bool>,
    before: usize,
) -> Result<Inputs> {
    let width = array.width;
    Ok(match reads_ids.unwrap_or(array.is_integer) {
        true => Inputs::Ids { values: array.into_ids_behind(before, path)?, length: width },
        false => Inputs::Matrix { values: array.into_reals(), features: width },
    })
}

pub(super) fn array_dataset(
    path: &Path,
    targets: &Path,
    reads_ids: Option<bool>,
    name: Option<&str>,
) -> Result<Dataset> {
    let [path, targets] = [&array_path(path, name), &array_path(targets, name)];
    let array = read_array(path, name)?;
    if array.width == 0 || array.rows == 0 {
        return Err(Error::data(path, "the array is empty; give rows of at least one element"));
    }
    let of_targets = (targets != path).then(|| read_array(targets, name)).transpose()?;
    if let Some(found) = &of_targets {
        check_count(array.rows, found.rows, [path, targets])?;
    }
    dataset_of(path, array, of_targets, reads_ids, 0)
}

/// Refuses targets of another number of rows.
pub(super) fn check_count(rows: usize, found: usize, [path, targets]: [&Path; 2]) -> Result<()> {
    match rows == found {
        true => Ok(()),
        false => Err(Error::data(
            targets,
            format!("{found} rows of targets for the {rows} rows of {}", path.display()),
        )),
    }
}

/// Rows of an array with those of another as targets, else with themselves; there are `before` rows before them in the
/// file.
pub(super) fn dataset_of(
    path: &Path,
    array: Array,
    targets: Option<Array>,
    reads_ids: Option<bool>,
    before: usize,
) -> Result<Dataset> {
    let inputs = array_inputs(path, array, reads_ids, before)?;
    let targets = match targets {
        None => Targets::Inputs,
        Some(array) => {
            let width = array.width;
            Targets::Values { values: array.into_reals(), width }
        }
    };
    Dataset::new(inputs, targets, path.display().to_string())
}
