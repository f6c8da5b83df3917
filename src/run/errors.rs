//! A classifier's mistakes on data with known answers: the most confident ones with line and text, and the classes
//! that are confused most often.

use std::path::Path;

use serde::Serialize;

use super::answers::probabilities_of;
use super::evaluate::class_of;
use super::load::{Labelled, load_for};
use crate::backend::Device;
use crate::data::{Account, TextColumns};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::report::{ClassificationReport, Confused};

/// One label, or several of a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Labels {
    /// A classifier's.
    One(String),
    /// Those of a classifier of several labels a row.
    Several(Vec<String>),
}

impl std::fmt::Display for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Labels::One(label) => f.write_str(label),
            Labels::Several(labels) => f.write_str(&labels.join(", ")),
        }
    }
}

/// A row that was answered wrongly.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Mistake {
    /// Its line in the file, from 1; of an array the row, from 1.
    pub line: u64,
    /// The row as it stands; empty for an array's.
    pub text: String,
    /// What is right.
    pub truth: Labels,
    /// What was answered.
    pub answer: Labels,
    /// How sure the wrong answer was: the probability of the answered label; of several labels that of the one that is
    /// most surely wrong.
    pub probability: f32,
    /// The probability that the right answer had.
    pub truth_probability: f32,
}

/// A classifier's mistakes on a file.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Mistakes {
    /// Rows that were answered.
    pub rows: usize,
    /// Those of them that were answered wrongly.
    pub wrong: usize,
    /// The surest of these, the surest first.
    pub mistakes: Vec<Mistake>,
    /// The pairs of classes that are confused most often, worst first.
    pub confused: Vec<Confused>,
    /// What became of the file's rows.
    #[serde(rename = "data")]
    pub account: Account,
}

/// Answers a file with known labels and returns the `count` most confident mistakes and the most confused pairs.
///
/// # Errors
/// [`Error::Usage`] when the model is no classifier with named classes; whatever reading or running meets.
pub fn mistakes(
    model: &Model,
    path: &Path,
    targets: Option<&Path>,
    columns: &TextColumns,
    skip_unknown: bool,
    count: usize,
    device: &Device,
) -> Result<Mistakes> {
    if model.labels.is_empty() {
        return Err(Error::usage(format!(
            "the model is a {} whose classes have no names: mistakes are those of a classifier that was trained on labels",
            model.kind()
        )));
    }
    let Labelled { model, dataset, account, lines, mut texts } =
        load_for(model, path, targets, columns, skip_unknown, true)?;
    let outputs = model.predict(dataset.inputs(), device)?;
    let rows: Vec<&[f32]> = outputs.chunks_exact(model.outputs()).collect();
    let answers: Vec<usize> = rows.iter().map(|row| class_of(row)).collect();
    let truth: Vec<usize> = dataset.target_values().iter().map(|&class| class as usize).collect();
    let report = ClassificationReport::new(&truth, &answers, &model.labels)?;
    let sureness = |row: usize| probabilities_of(rows[row])[answers[row]];
    let mut wrong: Vec<usize> = (0..rows.len()).filter(|&row| truth[row] != answers[row]).collect();
    wrong.sort_by(|&a, &b| sureness(b).total_cmp(&sureness(a)));
    let mistake = |&row: &usize| Mistake {
        line: lines.get(row).copied().unwrap_or(row as u64 + 1),
        text: texts.get_mut(row).map(std::mem::take).unwrap_or_default(),
        truth: Labels::One(model.labels[truth[row]].clone()),
        answer: Labels::One(model.labels[answers[row]].clone()),
        probability: sureness(row),
        truth_probability: probabilities_of(rows[row])[truth[row]],
    };
    Ok(Mistakes {
        rows: rows.len(),
        wrong: wrong.len(),
        mistakes: wrong.iter().take(count).map(mistake).collect(),
        confused: report.confused,
        account,
    })
}
