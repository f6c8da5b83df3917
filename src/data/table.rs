//! Tables of numbers: CSV or TSV with a header, one column the target.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::examples::{csv_error, line_of};
use crate::error::{Error, Result};

/// A table as it was read: features as numbers, targets as they stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names of the feature columns.
    pub columns: Vec<String>,
    /// `[rows, columns]`
    pub values: Vec<f64>,
    /// Target of each row; empty when none was asked for.
    pub targets: Vec<String>,
    /// Where each row stands in the file, from 1.
    pub lines: Vec<u64>,
}

/// What a table's target asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableTask {
    /// One of a few labels.
    Classes,
    /// A number.
    Regression,
}

/// What turns a table's row into a model's input, and its output into the target's scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableEncoder {
    /// Names of the feature columns, in order.
    pub columns: Vec<String>,
    /// Mean of each, over the training rows.
    pub means: Vec<f64>,
    /// Standard deviation of each; 1 for a column that never changes.
    pub deviations: Vec<f64>,
    /// Name of the target column.
    pub target: String,
    /// Mean and standard deviation of a regression's target.
    pub target_scale: Option<(f64, f64)>,
}

/// Reads a table. With `target`, that column is taken out as the target, and all others are
/// features; with `features`, exactly those columns are read, wherever they stand.
///
/// # Errors
/// [`Error::Data`] names file, line and column of what is wrong.
pub fn read_table(path: &Path, target: Option<&str>, features: Option<&[String]>) -> Result<Table> {
    let separator = match path.extension().and_then(|ending| ending.to_str()) {
        Some("tsv") => b'\t',
        _ => b',',
    };
    let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let build = |has_headers| {
        let mut builder = csv::ReaderBuilder::new();
        builder.delimiter(separator).trim(csv::Trim::All).has_headers(has_headers);
        builder.from_reader(bytes)
    };
    let mut reader = build(true);
    let mut headers = reader.headers().map_err(|e| csv_error(path, bytes, &e))?.clone();
    if is_row(&headers) {
        // A plain matrix: columns are called by their number.
        headers = (0..headers.len()).map(|i| i.to_string()).collect();
        reader = build(false);
    }
    let names: Vec<&str> = headers.iter().collect();
    if names.is_empty() {
        return Err(Error::data(path, "the file is empty; its first line names the columns"));
    }
    let find = |wanted: &str| {
        names.iter().position(|name| *name == wanted).ok_or_else(|| {
            Error::line(
                path,
                1,
                format!("there is no column \"{wanted}\"; the columns are {}", names.join(", ")),
            )
        })
    };
    let target = target.map(find).transpose()?;
    let columns: Vec<usize> = match features {
        Some(features) => features.iter().map(|name| find(name)).collect::<Result<_>>()?,
        None => (0..names.len()).filter(|&i| Some(i) != target).collect(),
    };
    if columns.is_empty() {
        return Err(Error::line(path, 1, "no column is left to learn from beside the target"));
    }
    let mut table = Table {
        columns: columns.iter().map(|&i| names[i].to_owned()).collect(),
        ..Table::default()
    };
    for record in reader.records() {
        let record = record.map_err(|e| csv_error(path, bytes, &e))?;
        let line = line_of(bytes, record.position());
        for &i in &columns {
            let field = record.get(i).unwrap_or_default();
            let value = field.parse::<f64>().ok().filter(|value| value.is_finite());
            table.values.push(value.ok_or_else(|| {
                Error::line(
                    path,
                    line,
                    format!("column \"{}\" holds \"{field}\", which is no finite number; fill it in, encode it as numbers, or remove the column", names[i]),
                )
            })?);
        }
        if let Some(i) = target {
            let field = record.get(i).unwrap_or_default();
            if field.is_empty() {
                return Err(Error::line(
                    path,
                    line,
                    format!("the target \"{}\" is empty; fill it in or remove the row", names[i]),
                ));
            }
            table.targets.push(field.to_owned());
        }
        table.lines.push(line);
    }
    if table.lines.is_empty() {
        return Err(Error::data(path, "the table has no rows below its header"));
    }
    Ok(table)
}

/// Whether a table's first line is a row of numbers rather than names; 0, 1, 2, ... are names, as
/// pandas writes them.
fn is_row(first: &csv::StringRecord) -> bool {
    let are_numbers = first.iter().all(|field| field.parse::<f64>().is_ok());
    let are_places = first.iter().enumerate().all(|(i, field)| field == i.to_string());
    !first.is_empty() && are_numbers && !are_places
}

/// The names that the first line of a CSV or TSV file holds.
///
/// # Errors
/// [`Error::File`] when the file cannot be read.
pub fn column_names(path: &Path) -> Result<Vec<String>> {
    let mut first = String::new();
    let file = std::fs::File::open(path).map_err(|e| Error::file("read", path, e))?;
    // What is no UTF-8 is told by whoever reads the rows.
    let _ = std::io::BufRead::read_line(&mut std::io::BufReader::new(file), &mut first);
    let separator = if path.extension().is_some_and(|e| e == "tsv") { b'\t' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(first.as_bytes());
    let headers = reader.headers().map_err(|e| csv_error(path, first.as_bytes(), &e))?;
    Ok(headers.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect())
}

impl Table {
    /// What the targets ask for: a number, unless they are texts or at most 20 whole numbers.
    pub fn task(&self) -> TableTask {
        let numbers: Option<Vec<f64>> =
            self.targets.iter().map(|target| target.parse().ok()).collect();
        let Some(numbers) = numbers else { return TableTask::Classes };
        let mut distinct = numbers;
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        match distinct.len() <= 20 && distinct.iter().all(|number| number.fract() == 0.0) {
            true => TableTask::Classes,
            false => TableTask::Regression,
        }
    }

    /// The targets as numbers.
    ///
    /// # Errors
    /// [`Error::Data`] names the line of the first that is none.
    pub fn numeric_targets(&self, path: &Path) -> Result<Vec<f64>> {
        let parse = |(target, line): (&String, &u64)| {
            let value = target.parse::<f64>().ok().filter(|value| value.is_finite());
            value.ok_or_else(|| {
                Error::line(path, *line, format!("the target \"{target}\" is no finite number"))
            })
        };
        self.targets.iter().zip(&self.lines).map(parse).collect()
    }
}

/// Mean and standard deviation; a deviation of 0 becomes 1.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let deviation = (values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / count).sqrt();
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}

impl TableEncoder {
    /// Learns the scale of every column from `table`, and of `targets` for a regression.
    pub fn fit(table: &Table, target: &str, targets: Option<&[f64]>) -> TableEncoder {
        let width = table.columns.len();
        let column = |i: usize| moments(table.values.iter().skip(i).step_by(width).copied());
        let (means, deviations) = (0..width).map(column).unzip();
        TableEncoder {
            columns: table.columns.clone(),
            means,
            deviations,
            target: target.to_owned(),
            target_scale: targets.map(|targets| moments(targets.iter().copied())),
        }
    }

    /// Learns the scale of every column of a matrix `[rows, width]`; columns are called by number.
    pub fn fit_matrix(values: &[f64], width: usize) -> TableEncoder {
        let columns = (0..width).map(|i| i.to_string()).collect();
        let table = Table { columns, values: values.to_vec(), ..Table::default() };
        TableEncoder::fit(&table, "", None)
    }

    /// The rows standardised, `[rows, columns]`.
    pub fn encode(&self, table: &Table) -> Vec<f32> {
        let scales = self.means.iter().zip(&self.deviations).cycle();
        table.values.iter().zip(scales).map(|(v, (mean, dev))| ((v - mean) / dev) as f32).collect()
    }

    /// Standardised rows in the columns' own scale, `[rows, columns]`.
    pub fn decode(&self, values: &[f32]) -> Vec<f32> {
        let scales = self.means.iter().zip(&self.deviations).cycle();
        values.iter().zip(scales).map(|(v, (mean, dev))| (*v as f64 * dev + mean) as f32).collect()
    }

    /// A regression's target on the model's scale.
    pub fn encode_target(&self, value: f64) -> f32 {
        let (mean, deviation) = self.target_scale.unwrap_or((0.0, 1.0));
        ((value - mean) / deviation) as f32
    }

    /// A regression's output on the target's scale.
    pub fn decode_target(&self, value: f32) -> f64 {
        let (mean, deviation) = self.target_scale.unwrap_or((0.0, 1.0));
        value as f64 * deviation + mean
    }
}
