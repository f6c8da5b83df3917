//! Tables: columns of numbers or categories, one or more of them targets (none for an autoencoder).

use std::path::Path;

use super::labels::{Places, class_targets, class_task, classes};
use super::split::{Fold, Split};
use super::weights::weigh;
use super::{Given, Loaded, Task, warn_of_scale};
use crate::data::{
    Account, ByteSource, Dataset, Table, TableColumns, TableEncoder, TableTask, Targets,
    TextColumns, read_columns, read_columns_of,
};
use crate::error::{Error, Result};
use crate::model::Preprocessor;
use crate::run::config::{DataConfig, RunConfig};

pub(super) fn load_table(
    config: &RunConfig,
    source: &ByteSource,
    given: Given,
    fold: Option<Fold>,
) -> Result<Loaded> {
    let data = &config.data;
    let path = &data.train;
    let taken = Taken::of(config, given)?;
    let columns = taken.columns(config);
    let table = read_columns_of(source, &columns)?;
    let mut account = table.account.clone();
    let task = taken.task(data, table.target_names.len() > 1, || table.task(path))?;
    let numbers = match task {
        Some(TableTask::Regression) => Some(table.numeric_targets(path)?),
        _ => None,
    };
    let (labels, class_of_row) = match task {
        Some(TableTask::Classes) => {
            let places = Places::Lines(&table.lines);
            let labels = classes(path, &table.targets, places, data, taken.labels, &mut account)?;
            let classes = class_targets(path, &table.targets, places, &labels)?;
            (labels, Some(classes))
        }
        _ => (Vec::new(), None),
    };
    let (rows, classes) = (table.rows(), class_of_row.as_deref());
    let split = Split::draw_without(fold, config, rows, classes, &mut account)?;
    let encoder =
        TableEncoder::fit_with(&table, numbers.as_deref(), Some(&split.training), data.missing);
    let encoder = taken.encoder(encoder);
    check_scales(&encoder, path, &mut account)?;
    let all = encode_table(&encoder, &labels, &table, path)?;
    let mut accounts = vec![account];
    let validation = match &data.validation {
        None if split.validation.is_empty() => None,
        None => Some(all.take(&split.validation)),
        Some(path) => {
            let (dataset, account) = validation_table(path, &encoder, &labels, columns)?;
            accounts.push(account);
            Some(dataset)
        }
    };
    let held_out = (!split.held_out.is_empty()).then(|| all.take(&split.held_out));
    let (training, row_weights) = match split.is_whole() {
        true => (all, table.weights),
        false => {
            let weights = |rows: &[usize]| match table.weights.is_empty() {
                true => Vec::new(),
                false => rows.iter().map(|&row| table.weights[row]).collect(),
            };
            (all.take(&split.training), weights(&split.training))
        }
    };
    let class_weight = config.training.class_weight.as_deref();
    let training = weigh(training, row_weights, class_weight, &labels, false)?;
    Ok(Loaded {
        training: training.into(),
        validation,
        test: None,
        held_out,
        task: task_of(task, &labels),
        preprocessor: Preprocessor::Table(encoder),
        labels,
        embedding_rows: 0,
        accounts,
    })
}

/// What a run takes of a model that was trained before, of tables.
#[derive(Clone, Copy)]
pub(super) struct Taken<'g> {
    /// What it reads through.
    pub known: Option<&'g TableEncoder>,
    /// The same of a model that is trained on, which keeps its labels, or the scale of its targets, too.
    whole: Option<&'g TableEncoder>,
    /// These labels.
    pub labels: Option<&'g [String]>,
}

impl<'g> Taken<'g> {
    pub fn of(config: &RunConfig, given: Given<'g>) -> Result<Taken<'g>> {
        let data = &config.data;
        if data.target_column.is_none() && data.targets.as_ref() != Some(&data.train) {
            return Err(Error::usage(
                "a table's targets are one of its columns: name it with target_column (or give the table itself as targets, for an autoencoder)",
            ));
        }
        let known = match given.preprocessor() {
            Some(Preprocessor::Table(encoder)) => Some(encoder),
            _ => None,
        };
        let whole = known.filter(|_| matches!(given, Given::Whole(_)));
        Ok(Taken { known, whole, labels: whole.and(given.labels()) })
    }

    /// What is read of the table.
    pub fn columns(self, config: &'g RunConfig) -> TableColumns<'g> {
        let data = &config.data;
        TableColumns {
            target: data.target_column.as_deref(),
            features: self.known,
            drop: &data.drop,
            categories: &data.categories,
            format: data.format,
            no_header: data.no_header,
            missing: data.missing,
            weight: data.weight_column.as_deref(),
            keep_rows: false,
        }
    }

    /// What the target column, or several, ask for: what the run or the model says, or the table (`found`); `None` without
    /// one.
    pub fn task(
        self,
        data: &DataConfig,
        are_several: bool,
        found: impl FnOnce() -> Result<TableTask>,
    ) -> Result<Option<TableTask>> {
        Ok(match (&data.target_column, data.task) {
            (None, _) => None,
            (Some(_), Some(TableTask::Classes)) if are_several => {
                return Err(Error::usage(
                    "several target columns make a regression; name one column for classes",
                ));
            }
            (Some(_), Some(task)) => Some(task),
            (Some(_), None) if self.labels.is_some() => Some(TableTask::Classes),
            (Some(_), None) if self.whole.is_some() => Some(TableTask::Regression),
            (Some(_), None) => Some(found()?),
        })
    }

    /// What the run reads through, where this was learned of its table: a pretrained encoder reads through its own scales.
    pub fn encoder(self, learned: TableEncoder) -> TableEncoder {
        match (self.known, self.whole) {
            (_, Some(whole)) => TableEncoder { target: learned.target, ..whole.clone() },
            (Some(known), None) => TableEncoder {
                target: learned.target,
                target_scale: learned.target_scale,
                targets: learned.targets,
                ..known.clone()
            },
            (None, None) => learned,
        }
    }
}

/// What a table's rows are to be trained for.
pub(super) fn task_of(task: Option<TableTask>, labels: &[String]) -> Task {
    match task {
        Some(TableTask::Classes) => class_task(labels),
        Some(TableTask::Regression) => Task::Regression,
        None => Task::Given,
    }
}

/// A table to validate on, as the run reads its own by `columns`.
pub(super) fn validation_table(
    path: &Path,
    encoder: &TableEncoder,
    labels: &[String],
    columns: TableColumns,
) -> Result<(Dataset, Account)> {
    let wanted = TableColumns {
        features: Some(encoder),
        drop: &[],
        categories: &[],
        weight: None,
        ..columns
    };
    let mut table = read_columns(path, &wanted)?;
    let dataset = encode_table(encoder, labels, &table, path)?;
    warn_of_scale(encoder, dataset.inputs(), &table.lines, &mut table.account);
    Ok((dataset, table.account))
}

/// Says which features never change, and refuses a table in which none does, or a target that is
/// one number.
pub(super) fn check_scales(
    encoder: &TableEncoder,
    path: &Path,
    account: &mut Account,
) -> Result<()> {
    let names = encoder.feature_names();
    for (name, (mean, deviation)) in names.iter().zip(encoder.means.iter().zip(&encoder.deviations))
    {
        // The square of what is so large is infinite.
        if !(mean.is_finite() && deviation.is_finite() && *deviation > 0.0) {
            return Err(Error::data(
                path,
                format!(
                    "column \"{name}\" holds numbers too large to be scaled (mean {mean:e}, deviation {deviation:e}); give it in a larger unit, or leave it out with drop"
                ),
            ));
        }
    }
    if encoder.constant.len() == names.len() {
        return Err(Error::data(
            path,
            "no column ever changes in the training rows, so there is nothing to learn from",
        ));
    }
    if let [first, rest @ ..] = &encoder.constant[..] {
        let others = match rest.len() {
            0 => String::new(),
            1 => format!(" (and \"{}\")", names[rest[0]]),
            many => format!(" (and {many} other columns)"),
        };
        account.warn(format!(
            "column \"{}\"{others} never changes in the training rows: it weighs nothing, whatever it is later",
            names[*first]
        ));
    }
    Ok(())
}

pub(super) fn encode_table(
    encoder: &TableEncoder,
    labels: &[String],
    table: &Table,
    path: &Path,
) -> Result<Dataset> {
    let inputs = encoder.inputs(table);
    let targets = if encoder.target.is_empty() {
        Targets::Inputs
    } else if encoder.is_regression() {
        let values = encoder.encode_targets(&table.numeric_targets(path)?);
        Targets::Values { values, width: encoder.target_names().len() }
    } else {
        let values = class_targets(path, &table.targets, Places::Lines(&table.lines), labels)?;
        Targets::Values { values, width: 1 }
    };
    Dataset::new(inputs, targets, path.display().to_string())
}

/// How a model of a table reads one; `columns` say a format or that there is no header, where the file is another's.
pub(super) fn columns_for<'e>(
    encoder: &'e TableEncoder,
    target: Option<&'e str>,
    columns: &TextColumns,
) -> TableColumns<'e> {
    TableColumns {
        target,
        features: Some(encoder),
        format: columns.format,
        no_header: encoder.no_header || columns.no_header,
        missing: encoder.missing,
        ..TableColumns::default()
    }
}
