//! Labels to class numbers.

use std::collections::BTreeMap;
use std::path::Path;

use super::Task;
use crate::error::{Error, Result};
use crate::run::config::DataConfig;

/// Labels in order: by number where all are numbers, else by letters.
pub(super) fn sorted_labels<'l>(labels: impl Iterator<Item = &'l str>) -> Vec<String> {
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
pub(super) fn classes(
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
pub(super) fn class_targets(
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

pub(super) fn class_task(labels: &[String]) -> Task {
    if labels.len() == 2 { Task::Binary } else { Task::Classes }
}
