//! Tables: columns of numbers, one of them the target (none for an autoencoder).

use std::path::Path;

use super::labels::{class_targets, class_task, classes};
use super::{Loaded, Task};
use crate::data::{Dataset, Inputs, Table, TableEncoder, TableTask, Targets, read_table};
use crate::error::{Error, Result};
use crate::model::Preprocessor;
use crate::run::config::RunConfig;

pub(super) fn load_table(config: &RunConfig) -> Result<Loaded> {
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

pub(super) fn encode_table(
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
