//! Answers: what a model says of a row, how many labels of it are wanted, and how answers are written: as lines of
//! text, CSV, TSV or JSON.

use std::path::Path;

use serde::Serialize;

use super::evaluate::class_of;
use crate::backend::Device;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::model::{Kind, Model, Preprocessor};
use crate::printable::printable_field;
use crate::report::ClassificationReport;

/// A label and how probable it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelProbability {
    /// The label.
    pub label: String,
    /// Its probability, from 0 to 1.
    pub probability: f32,
}

/// Which labels of a classifier's answer are wanted, and whether the row stands beside it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AnswerOptions {
    /// So many labels, the most probable first; without it the one that the model answers, or of several a row those
    /// above their thresholds.
    pub most: Option<usize>,
    /// Only labels that are at least so probable, from 0 to 1: a row may then have none.
    pub threshold: Option<f64>,
    /// The row's text beside its answer.
    pub with_text: bool,
}

impl AnswerOptions {
    /// Options that ask for what the model answers, and no more.
    pub fn new() -> AnswerOptions {
        AnswerOptions::default()
    }

    /// Holds the options against the model.
    ///
    /// # Errors
    /// [`Error::Usage`] where the model has no labels, or fewer; where the threshold is no probability.
    pub fn check(&self, model: &Model) -> Result<()> {
        let asks = self.most.is_some() || self.threshold.is_some();
        if asks && model.labels.is_empty() {
            return Err(Error::usage(format!(
                "the model is a {} and has no labels: the most probable ones, and a threshold, are for classifiers",
                model.kind()
            )));
        }
        let labels = model.labels.len();
        if let Some(most) = self.most
            && !(1..=labels).contains(&most)
        {
            return Err(Error::usage(format!(
                "{most} labels of each row are asked for, but the model has {labels}; ask for 1 to {labels}"
            )));
        }
        match self.threshold {
            Some(threshold) if !(0.0..=1.0).contains(&threshold) => Err(Error::usage(format!(
                "the threshold is {threshold}, but a probability is from 0 to 1"
            ))),
            _ => Ok(()),
        }
    }

    /// The labels of these probabilities that are wanted, the most probable first; of two that are as probable, the
    /// earlier class. `None` where nothing was asked of a model that gives a row one label.
    fn chosen(&self, model: &Model, probabilities: &[f32]) -> Option<Vec<usize>> {
        let several = model.kind() == Kind::MultiLabel;
        let most = match (self.most, self.threshold) {
            (None, None) if !several => return None,
            (Some(most), _) => most,
            (None, _) if several => probabilities.len(),
            (None, _) => 1,
        };
        let falling =
            |&a: &usize, &b: &usize| probabilities[b].total_cmp(&probabilities[a]).then(a.cmp(&b));
        let is_wanted = |&class: &usize| match (self.threshold, self.most) {
            (Some(threshold), _) => probabilities[class] as f64 >= threshold,
            (None, Some(_)) => true,
            (None, None) => model.answers(class, probabilities[class]),
        };
        let mut classes: Vec<usize> = (0..probabilities.len()).filter(is_wanted).collect();
        if most < classes.len() {
            classes.select_nth_unstable_by(most, falling);
            classes.truncate(most);
        }
        classes.sort_unstable_by(falling);
        Some(classes)
    }
}

/// The answer for one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The name of the picture's file, for a classifier of pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The row as it was read, where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The class, for a classifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
    /// The labels that were asked for, the most probable first; `None` where only the answer was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<LabelProbability>>,
    /// The outputs: for a classifier the probability of each class, for others the values. Empty where labels were
    /// asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<f64>,
    /// Whether no word of the text was known, so that the answer rests on the bias alone; of a table's row, whether
    /// it holds a category that the model does not know and that counts as missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// Words that were cut off, being more than the model reads.
    #[serde(skip_serializing_if = "is_zero")]
    pub cut: usize,
}

/// Whether a model tells pictures apart: each answer then has the name of its file, where there is one.
pub(super) fn answers_pictures(model: &Model) -> bool {
    matches!(model.preprocessor, Preprocessor::Image(_)) && !model.labels.is_empty()
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The probability of each class, of one output or of one a class.
pub(super) fn probabilities_of(model: &Model, outputs: &[f32]) -> Vec<f32> {
    match outputs {
        [_] if model.labels.len() == 2 => [0, 1].map(|class| probability_of(outputs, class)).into(),
        several => several.to_vec(),
    }
}

/// The probability of a class by a row of outputs, one of which is that of the second of two.
fn probability_of(outputs: &[f32], class: usize) -> f32 {
    match outputs {
        [one] if class == 0 => 1.0 - one,
        [one] => *one,
        several => several.get(class).copied().unwrap_or_default(),
    }
}

/// A classifier's answer to a row of known class.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClassAnswer {
    /// The class that it is of.
    pub truth: usize,
    /// The class that is most probable.
    pub answer: usize,
    /// The probability of the answer.
    pub probability: f32,
    /// The probability of the truth.
    pub truth_probability: f32,
}

/// A classifier's answers to rows, of whose outputs only some are in memory at a time.
///
/// # Errors
/// As [`Model::predict`].
pub(super) fn answers_to(
    model: &Model,
    rows: &Dataset,
    device: &Device,
) -> Result<Vec<ClassAnswer>> {
    let classes = rows.target_values();
    let mut answers = Vec::with_capacity(rows.rows());
    model.predict_in_blocks(rows.inputs(), device, &mut |first, outputs| {
        for (&class, outputs) in classes[first..].iter().zip(outputs.chunks_exact(model.outputs()))
        {
            let (truth, answer) = (class as usize, class_of(outputs));
            let [probability, truth_probability] =
                [answer, truth].map(|class| probability_of(outputs, class));
            answers.push(ClassAnswer { truth, answer, probability, truth_probability });
        }
        Ok(())
    })?;
    Ok(answers)
}

/// The report of a classifier's answers.
///
/// # Errors
/// As [`ClassificationReport::new`].
pub(super) fn report_of(model: &Model, found: &[ClassAnswer]) -> Result<ClassificationReport> {
    let truth: Vec<usize> = found.iter().map(|found| found.truth).collect();
    let answers: Vec<usize> = found.iter().map(|found| found.answer).collect();
    ClassificationReport::new(&truth, &answers, &model.labels)
}

/// The rows that were answered wrongly, the surest first.
pub(super) fn wrong_rows(found: &[ClassAnswer]) -> Vec<usize> {
    let is_wrong = |&row: &usize| found[row].truth != found[row].answer;
    let mut wrong: Vec<usize> = (0..found.len()).filter(is_wrong).collect();
    wrong.sort_by(|&a, &b| found[b].probability.total_cmp(&found[a].probability));
    wrong
}

impl Answer {
    pub(super) fn new(model: &Model, outputs: &[f32], options: &AnswerOptions) -> Answer {
        let answer = Answer {
            name: None,
            text: None,
            label: None,
            probability: None,
            labels: None,
            outputs: Vec::new(),
            unknown: false,
            cut: 0,
        };
        if model.labels.is_empty() {
            let outputs = match &model.preprocessor {
                Preprocessor::Table(encoder) => encoder.decode_targets(outputs),
                _ => outputs.iter().map(|&value| value as f64).collect(),
            };
            return Answer { outputs, ..answer };
        }
        let probabilities = probabilities_of(model, outputs);
        if let Some(classes) = options.chosen(model, &probabilities) {
            let named = |class: usize| LabelProbability {
                label: model.labels[class].clone(),
                probability: probabilities[class],
            };
            let labels: Vec<LabelProbability> = classes.into_iter().map(named).collect();
            if model.kind() == Kind::MultiLabel {
                return Answer { labels: Some(labels), ..answer };
            }
            return Answer {
                label: labels.first().map(|first| first.label.clone()),
                probability: labels.first().map(|first| first.probability),
                labels: Some(labels),
                ..answer
            };
        }
        let class = class_of(outputs);
        Answer {
            label: model.labels.get(class).cloned(),
            probability: probabilities.get(class).copied(),
            outputs: probabilities.iter().map(|&p| p as f64).collect(),
            ..answer
        }
    }
}

impl std::fmt::Display for Answer {
    /// The name of a picture, labels and probabilities, or the values, and then the text where it is asked for, with tabs between.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{}\t", printable_field(name))?;
        }
        let mut pair = |i: usize, label: &str, probability: f32| {
            let tab = if i > 0 { "\t" } else { "" };
            write!(f, "{tab}{}\t{probability:.4}", printable_field(label))
        };
        match (&self.labels, &self.label, self.probability) {
            (Some(labels), ..) => {
                for (i, label) in labels.iter().enumerate() {
                    pair(i, &label.label, label.probability)?;
                }
            }
            (None, Some(label), Some(probability)) => pair(0, label, probability)?,
            _ => {
                for (i, output) in self.outputs.iter().enumerate() {
                    write!(f, "{}{output}", if i > 0 { "\t" } else { "" })?;
                }
            }
        }
        match &self.text {
            Some(text) => write!(f, "\t{}", printable_field(text)),
            None => Ok(()),
        }
    }
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerFormat {
    /// A line each, with tabs between.
    Text,
    /// One JSON object a line.
    Json,
    /// RFC 4180, names in the first line.
    Csv,
    /// The same with tabs.
    Tsv,
}

impl AnswerFormat {
    /// The format that a file's extension names.
    ///
    /// # Errors
    /// [`Error::Usage`] lists those that there are.
    pub fn of_file(path: &Path) -> Result<AnswerFormat> {
        super::check_extension(path, "answers", &["txt", "csv", "tsv", "jsonl"])?;
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        Ok(match extension.as_deref() {
            Some("csv") => AnswerFormat::Csv,
            Some("tsv") => AnswerFormat::Tsv,
            Some("jsonl") => AnswerFormat::Json,
            _ => AnswerFormat::Text,
        })
    }
}

/// What stands between labels of a row in one field.
const JOINED_BY: &str = ";";

/// Writes answers one after the other.
#[derive(Debug)]
pub struct AnswerWriter {
    format: AnswerFormat,
    /// Names of the columns, and how many labels a row has at most; of a separated file.
    columns: Vec<String>,
    most: usize,
    /// Whether any number of labels stands in one field.
    joins: bool,
    /// Whether the names of pictures' files come first.
    names: bool,
    is_begun: bool,
}

impl AnswerWriter {
    /// A writer of the answers that `model` gives by `options`.
    pub fn new(model: &Model, options: &AnswerOptions, format: AnswerFormat) -> AnswerWriter {
        let numbered = |name: &str, count: usize| -> Vec<String> {
            match count {
                1 => vec![name.to_owned()],
                _ => (1..=count).map(|i| format!("{name}_{i}")).collect(),
            }
        };
        let most = options.most.unwrap_or(1);
        let mut columns = Vec::new();
        let names = answers_pictures(model);
        if names {
            columns.push("name".to_owned());
        } else if options.with_text {
            columns.push("text".to_owned());
        }
        let joins = model.kind() == Kind::MultiLabel && options.most.is_none();
        match (&model.preprocessor, model.labels.is_empty()) {
            _ if joins => columns.extend(["labels", "probabilities"].map(str::to_owned)),
            (_, false) => {
                let pairs = numbered("label", most).into_iter().zip(numbered("probability", most));
                columns.extend(pairs.flat_map(|(label, probability)| [label, probability]));
            }
            (Preprocessor::Table(encoder), true) if encoder.is_regression() => {
                columns.extend(encoder.target_names());
            }
            _ => columns.extend(numbered("output", model.outputs())),
        }
        AnswerWriter { format, columns, most, joins, names, is_begun: false }
    }

    /// Appends an answer as a line to `output`; before the first of a separated file, the names of the columns.
    ///
    /// # Errors
    /// [`Error::Usage`] where an answer cannot be written in this format.
    pub fn write(&mut self, answer: &Answer, output: &mut Vec<u8>) -> Result<()> {
        use std::io::Write;
        let unwritable =
            |e: &dyn std::fmt::Display| Error::usage(format!("an answer cannot be written: {e}"));
        let separator = match self.format {
            AnswerFormat::Text => return writeln!(output, "{answer}").map_err(|e| unwritable(&e)),
            AnswerFormat::Json => {
                serde_json::to_writer(&mut *output, answer).map_err(|e| unwritable(&e))?;
                output.push(b'\n');
                return Ok(());
            }
            AnswerFormat::Csv => b',',
            AnswerFormat::Tsv => b'\t',
        };
        let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(output);
        if !std::mem::replace(&mut self.is_begun, true) {
            writer.write_record(&self.columns).map_err(|e| unwritable(&e))?;
        }
        let mut fields: Vec<String> = match self.names {
            true => vec![answer.name.clone().unwrap_or_default()],
            false => answer.text.iter().cloned().collect(),
        };
        let chosen: Vec<(&str, f32)> = match (&answer.labels, &answer.label, answer.probability) {
            (Some(labels), ..) => {
                labels.iter().map(|label| (&label.label[..], label.probability)).collect()
            }
            (None, Some(label), Some(probability)) => vec![(label, probability)],
            _ => Vec::new(),
        };
        if self.joins {
            if let Some((label, _)) = chosen.iter().find(|(label, _)| label.contains(JOINED_BY)) {
                return Err(Error::usage(format!(
                    "the label \"{label}\" holds {JOINED_BY}, which stands between the labels of a row; write the answers as .jsonl, or ask for a number of labels"
                )));
            }
            let labels: Vec<&str> = chosen.iter().map(|(label, _)| *label).collect();
            let probabilities = chosen.iter().map(|(_, probability)| probability.to_string());
            fields.push(labels.join(JOINED_BY));
            fields.push(probabilities.collect::<Vec<String>>().join(JOINED_BY));
        } else if answer.labels.is_some() || answer.label.is_some() {
            for i in 0..self.most {
                let (label, probability) = match chosen.get(i) {
                    Some((label, probability)) => ((*label).to_owned(), probability.to_string()),
                    None => Default::default(),
                };
                fields.extend([label, probability]);
            }
        } else {
            fields.extend(answer.outputs.iter().map(f64::to_string));
        }
        writer.write_record(&fields).map_err(|e| unwritable(&e))?;
        writer.flush().map_err(|e| unwritable(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_labels_come_first_and_ties_by_class() {
        let layers = vec![crate::Layer::dense(4, crate::Activation::Softmax)];
        let loss = crate::Loss::CategoricalCrossentropy;
        let input = crate::Input::Matrix { features: 2 };
        let mut model = Model::new(input, layers, loss, 7).expect("a model");
        model.labels = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let options = |most, threshold| AnswerOptions { most, threshold, with_text: false };
        let probabilities = [0.2, 0.3, 0.2, 0.3];
        let chosen = |most, threshold| options(most, threshold).chosen(&model, &probabilities);
        assert_eq!(chosen(None, None), None);
        assert_eq!(chosen(Some(3), None), Some(vec![1, 3, 0]));
        assert_eq!(chosen(Some(4), Some(0.25)), Some(vec![1, 3]));
        assert_eq!(chosen(None, Some(0.25)), Some(vec![1]));
        assert_eq!(chosen(None, Some(0.31)), Some(vec![]));
    }
}
