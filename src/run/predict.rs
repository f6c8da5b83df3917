//! A model's answers: for a file, or line by line.

use std::path::Path;

use serde::Serialize;

use super::evaluate::class_of;
use super::load::load_inputs;
use crate::backend::Device;
use crate::data::{Inputs, TextColumns, read_examples};
use crate::error::{Error, Result};
use crate::model::{Input, Model, Preprocessor};
use crate::train::Predictor;

/// The answer for one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The class, for a classifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
    /// The outputs: for a classifier the probability of each class, for others the values.
    pub outputs: Vec<f64>,
    /// Whether no word of the text was known, so that the answer rests on the bias alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

impl Answer {
    fn new(model: &Model, outputs: &[f32], unknown: bool) -> Answer {
        if model.labels.is_empty() {
            let decode = |&value: &f32| match &model.preprocessor {
                Preprocessor::Table(encoder) => encoder.decode_target(value),
                _ => value as f64,
            };
            let outputs = outputs.iter().map(decode).collect();
            return Answer { label: None, probability: None, outputs, unknown };
        }
        let probabilities = match outputs {
            [one] => vec![1.0 - one, *one],
            several => several.to_vec(),
        };
        let class = class_of(outputs);
        Answer {
            label: model.labels.get(class).cloned(),
            probability: probabilities.get(class).copied(),
            outputs: probabilities.iter().map(|&p| p as f64).collect(),
            unknown,
        }
    }
}

impl std::fmt::Display for Answer {
    /// Label and probability, or the values, with tabs between.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let (Some(label), Some(probability)) = (&self.label, self.probability) {
            return write!(f, "{label}\t{probability:.4}");
        }
        for (i, output) in self.outputs.iter().enumerate() {
            write!(f, "{}{output}", if i > 0 { "\t" } else { "" })?;
        }
        Ok(())
    }
}

/// Answers texts, or rows of numbers, as they come.
#[derive(Debug)]
pub struct LinePredictor {
    model: Model,
    predictor: Predictor,
}

impl LinePredictor {
    /// Puts `model` on `device`.
    ///
    /// # Errors
    /// [`Error::Device`] when the device cannot hold it.
    pub fn new(model: &Model, device: &Device) -> Result<LinePredictor> {
        Ok(LinePredictor { model: model.clone(), predictor: Predictor::new(model, device)? })
    }

    /// Answers some lines: texts for a model of texts, else numbers with commas or spaces between.
    /// `first` is the number of the first line, for messages.
    ///
    /// # Errors
    /// [`Error::Data`] names the line of what is no row.
    pub fn answer(&mut self, lines: &[String], source: &str, first: u64) -> Result<Vec<Answer>> {
        let mut unknown = vec![false; lines.len()];
        let width = self.model.input().width();
        let inputs = match (&self.model.preprocessor, self.model.input()) {
            (Preprocessor::Text(encoder), _) => {
                let (values, encoded) = encoder.encode_all(lines);
                for (unknown, encoded) in unknown.iter_mut().zip(encoded) {
                    *unknown = encoded.known == 0;
                }
                Inputs::Ids { values, length: encoder.width() }
            }
            (encoder, input) => {
                let mut values: Vec<f64> = Vec::with_capacity(lines.len() * width);
                for (line, number) in lines.iter().zip(first..) {
                    values.extend(parse_row(line, width, source, number)?);
                }
                match (encoder, input) {
                    (Preprocessor::Table(encoder), _) => {
                        let columns = encoder.columns.clone();
                        let table = crate::data::Table { columns, values, ..Default::default() };
                        Inputs::Matrix { values: encoder.encode(&table), features: width }
                    }
                    (_, Input::Ids { .. }) => {
                        let ids = values.iter().enumerate().map(|(i, &value)| {
                            let is_id =
                                value >= 0.0 && value.fract() == 0.0 && value < u32::MAX as f64;
                            is_id.then_some(value as u32).ok_or_else(|| Error::Data {
                                place: format!("{source}, line {}", first + (i / width) as u64),
                                message: format!(
                                    "{value} is no id; ids are whole numbers from 0 on"
                                ),
                            })
                        });
                        Inputs::Ids { values: ids.collect::<Result<_>>()?, length: width }
                    }
                    (_, Input::Matrix { .. }) => {
                        let values = values.into_iter().map(|value| value as f32).collect();
                        Inputs::Matrix { values, features: width }
                    }
                }
            }
        };
        self.answers(&inputs, &unknown, source)
    }

    fn answers(&mut self, inputs: &Inputs, unknown: &[bool], source: &str) -> Result<Vec<Answer>> {
        let outputs = self.predictor.predict(inputs, source)?;
        let rows = outputs.chunks_exact(self.model.outputs());
        Ok(rows
            .zip(unknown)
            .map(|(row, &unknown)| Answer::new(&self.model, row, unknown))
            .collect())
    }
}

/// One row of numbers.
fn parse_row(line: &str, width: usize, source: &str, number: u64) -> Result<Vec<f64>> {
    let wrong =
        |message: String| Error::Data { place: format!("{source}, line {number}"), message };
    let fields = line.split([',', ' ', '\t']).filter(|field| !field.is_empty());
    let values: Vec<f64> = fields
        .map(|field| {
            let value = field.parse::<f64>().ok().filter(|value| value.is_finite());
            value.ok_or_else(|| wrong(format!("\"{field}\" is no finite number")))
        })
        .collect::<Result<_>>()?;
    if values.len() != width {
        return Err(wrong(format!("{} numbers, but the model reads {width}", values.len())));
    }
    Ok(values)
}

/// Answers every row of a file: texts, a table with the model's columns, or an array.
///
/// # Errors
/// Whatever reading or running meets.
pub fn predict_file(
    model: &Model,
    path: &Path,
    text_column: &str,
    device: &Device,
    each: &mut dyn FnMut(&Answer) -> Result<()>,
) -> Result<()> {
    let source = path.display().to_string();
    let mut predictor = LinePredictor::new(model, device)?;
    if let Preprocessor::Text(_) = model.preprocessor {
        let columns = TextColumns { text: text_column.to_owned(), label: None };
        let examples = read_examples(path, &columns)?;
        let mut line = 1;
        for texts in examples.texts.chunks(4096) {
            predictor.answer(texts, &source, line)?.iter().try_for_each(&mut *each)?;
            line += texts.len() as u64;
        }
        return Ok(());
    }
    let inputs = load_inputs(model, path)?;
    let unknown = vec![false; inputs.rows()];
    predictor.answers(&inputs, &unknown, &source)?.iter().try_for_each(each)
}
