//! A classifier's mistakes on data with known answers: the most confident ones with line and text, and the classes
//! that are confused most often.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use super::answers::{answers_to, report_of, wrong_rows};
use super::load::{Labelled, load_for};
use crate::backend::Device;
use crate::data::{Account, TextColumns};
use crate::error::{Error, Result};
use crate::model::{Kind, Model};
use crate::report::Confused;

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
    if model.kind() == Kind::MultiLabel {
        let outputs = model.predict(dataset.inputs(), device)?;
        let rows: Vec<&[f32]> = outputs.chunks_exact(model.outputs()).collect();
        let truth = dataset.target_values();
        return Ok(mistakes_of_sets(&model, &rows, truth, count, &lines, &mut texts, account));
    }
    let found = answers_to(&model, &dataset, device)?;
    let wrong = wrong_rows(&found);
    let mistake = |&row: &usize| Mistake {
        line: lines.get(row).copied().unwrap_or(row as u64 + 1),
        text: texts.get_mut(row).map(std::mem::take).unwrap_or_default(),
        truth: Labels::One(model.labels[found[row].truth].clone()),
        answer: Labels::One(model.labels[found[row].answer].clone()),
        probability: found[row].probability,
        truth_probability: found[row].truth_probability,
    };
    Ok(Mistakes {
        rows: found.len(),
        wrong: wrong.len(),
        mistakes: wrong.iter().take(count).map(mistake).collect(),
        confused: report_of(&model, &found)?.confused,
        account,
    })
}

/// The rows of which a label is missing or too many, the one first whose most surely wrong label is the surest; and the
/// pairs of a label that was missed and one that was given in its place.
fn mistakes_of_sets(
    model: &Model,
    rows: &[&[f32]],
    truth: &[f32],
    count: usize,
    lines: &[u64],
    texts: &mut [String],
    account: Account,
) -> Mistakes {
    let labels = &model.labels;
    let is_right = |row: usize, label: usize| truth[row * labels.len() + label] == 1.0;
    let is_given = |row: usize, label: usize| model.answers(label, rows[row][label]);
    let of = |row: usize, has: &dyn Fn(usize, usize) -> bool| -> Vec<usize> {
        (0..labels.len()).filter(|&label| has(row, label)).collect()
    };
    let missed = |row| of(row, &|row, label| is_right(row, label) && !is_given(row, label));
    let too_many = |row| of(row, &|row, label| !is_right(row, label) && is_given(row, label));
    let mut pairs: HashMap<(usize, usize), usize> = HashMap::new();
    // How surely wrong each row is, and the probability that the right answer had there.
    let mut wrong: Vec<(usize, f32)> = Vec::new();
    for (row, probabilities) in rows.iter().enumerate() {
        let (missed, too_many) = (missed(row), too_many(row));
        let sure = too_many.iter().map(|&label| probabilities[label]);
        let sure = sure.chain(missed.iter().map(|&label| 1.0 - probabilities[label]));
        if let Some(sure) = sure.reduce(f32::max) {
            wrong.push((row, sure));
        }
        for &truth in &missed {
            too_many.iter().for_each(|&answer| *pairs.entry((truth, answer)).or_default() += 1);
        }
    }
    wrong.sort_by(|a, b| b.1.total_cmp(&a.1));
    let named = |found: Vec<usize>| {
        Labels::Several(found.into_iter().map(|label| labels[label].clone()).collect())
    };
    let mistake = |&(row, sure): &(usize, f32)| Mistake {
        line: lines.get(row).copied().unwrap_or(row as u64 + 1),
        text: texts.get_mut(row).map(std::mem::take).unwrap_or_default(),
        truth: named(of(row, &is_right)),
        answer: named(of(row, &is_given)),
        probability: sure,
        truth_probability: 1.0 - sure,
    };
    let found = wrong.iter().take(count).map(mistake).collect();
    let mut pairs: Vec<_> = pairs.into_iter().collect();
    pairs.sort_unstable_by_key(|&(pair, rows)| (std::cmp::Reverse(rows), pair));
    let confused = pairs.into_iter().take(MOST_PAIRS).map(|((truth, answer), rows)| Confused {
        truth: labels[truth].clone(),
        answer: labels[answer].clone(),
        rows,
    });
    Mistakes {
        rows: rows.len(),
        wrong: wrong.len(),
        mistakes: found,
        confused: confused.collect(),
        account,
    }
}

/// Pairs of confused labels that are told.
const MOST_PAIRS: usize = 20;
