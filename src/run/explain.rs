//! What each word of a text did for a classifier's answer: gradient times input (Shrikumar et al. 2017, section 3.3)
//! of the words' embeddings, for the score of one label before the last activation. Where nothing behind the
//! embeddings bends (a mean or a bag, dense layers without an activation), the parts and the bias add up to the score.
//!
//! The gradient with respect to each embedding is computed by the kernels of training. The texts are read by a model
//! whose table has a row for each position of each text, so that the gradient of a row is that of one position.

use std::ops::Range;

use serde::Serialize;

use super::answers::probabilities_of;
use super::evaluate::class_of;
use crate::backend::Device;
use crate::data::{Dataset, Inputs, Targets};
use crate::error::{Error, Result, did_you_mean};
use crate::layers::Activation;
use crate::model::{Model, Parameter, Preprocessor};
use crate::train::{Fusions, Predictor, Role, Session, Trainer};

/// A word and its part in a score.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WordPart {
    /// The word as the model reads it.
    pub word: String,
    /// What it adds to the score of the label; that of an n-gram is spread evenly over its words.
    pub part: f64,
}

/// Why a text is answered as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The text.
    pub text: String,
    /// The label that is explained: the answer unless another was asked for.
    pub label: String,
    /// Its probability.
    pub probability: f32,
    /// Its score, before sigmoid or softmax. (Of two labels with one output, the first has the negative of the second.)
    pub logit: f64,
    /// The words that the model reads, in their order.
    pub words: Vec<WordPart>,
    /// What padding adds, for a model that reads rows of one length.
    #[serde(skip_serializing_if = "is_nothing")]
    pub padding: f64,
    /// The score less all of these: the bias, and what is not linear.
    pub rest: f64,
    /// Words that were cut off, being more than the model reads.
    #[serde(skip_serializing_if = "is_none")]
    pub cut: usize,
}

fn is_nothing(part: &f64) -> bool {
    *part == 0.0
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// Texts whose gradients are computed together.
const TOGETHER: usize = 64;

/// Explains a classifier's answers to `texts`: for the label of that name, else for the one that it answers.
///
/// # Errors
/// [`Error::Usage`] when the model is no classifier of texts, or has no such label; [`Error::Device`] when the device
/// fails.
pub fn explain(
    model: &Model,
    texts: &[String],
    label: Option<&str>,
    device: &Device,
) -> Result<Vec<Explanation>> {
    let Preprocessor::Text(_) = &model.preprocessor else {
        return Err(Error::usage(
            "the model reads no texts: words explain the answers of a classifier of texts",
        ));
    };
    if model.labels.is_empty() {
        return Err(Error::usage(format!(
            "the model is a {} and has no labels that words could speak for",
            model.kind()
        )));
    }
    if let Some(layer) = model.layers().iter().find(|layer| layer.describe().mixes_rows()) {
        return Err(Error::usage(format!(
            "the model has a layer {}, whose gradient in training is of a whole batch: the parts of single words are not known for it",
            layer.kind()
        )));
    }
    let class = match label {
        None => None,
        Some(label) => Some(model.labels.iter().position(|own| own == label).ok_or_else(|| {
            let known = model.labels.iter().map(String::as_str);
            Error::usage(format!(
                "the model has no label \"{label}\"{}",
                did_you_mean(label, known)
            ))
        })?),
    };
    let mut explained = Vec::with_capacity(texts.len());
    for texts in texts.chunks(TOGETHER) {
        explained.extend(explain_together(model, texts, class, device)?);
    }
    Ok(explained)
}

/// A text as the model reads it: its words, and for each id of its row those that it is of (none: padding).
struct Read {
    words: Vec<String>,
    owners: Vec<Option<Range<usize>>>,
    cut: usize,
}

fn explain_together(
    model: &Model,
    texts: &[String],
    class: Option<usize>,
    device: &Device,
) -> Result<Vec<Explanation>> {
    let model = model.for_texts(texts);
    let Preprocessor::Text(encoder) = &model.preprocessor else { return Ok(Vec::new()) };
    let (ids, encoded) = encoder.encode_all(texts);
    let length = encoder.width();
    let read: Vec<Read> = texts
        .iter()
        .zip(&encoded)
        .map(|(text, encoded)| {
            let (words, owners) = encoder.owners(text);
            Read { words, owners, cut: encoded.cut }
        })
        .collect();
    // A row of the table for each position, behind that of padding.
    let Some(table) = model.parameters().first() else { return Ok(Vec::new()) };
    let units = table.count() / table.shape[0].max(1);
    let row_of = |id: u32| &table.values[id as usize * units..(id as usize + 1) * units];
    let mut rows = row_of(0).to_vec();
    let mut positions = Vec::with_capacity(ids.len());
    for &id in &ids {
        positions.push(match id {
            0 => 0,
            id => {
                rows.extend_from_slice(row_of(id));
                (rows.len() / units - 1) as u32
            }
        });
    }
    let shape = vec![rows.len() / units, units];
    let table = Parameter { name: table.name.clone(), shape, values: rows };
    let scored = model.as_scores(table.clone())?;
    let inputs = Inputs::Ids { values: positions.clone(), length };
    let outputs = scored.outputs();
    let scores = Predictor::new(&scored, device)?.predict(&inputs, "the texts")?;
    let activation = model.output_activation();
    let rows = texts.len();
    let classes: Vec<usize> = scores
        .chunks_exact(outputs)
        .map(|scores| {
            let answer = || match &probabilities_of(&model, &activated(activation, scores))[..] {
                probabilities if probabilities.len() == 1 => 0,
                probabilities => class_of(probabilities),
            };
            class.unwrap_or_else(answer)
        })
        .collect();
    // The output that a label is of, and whether its score is that output's or its negative.
    let output_of = |class: usize| match outputs {
        1 if model.labels.len() == 2 => (0, if class == 0 { -1.0 } else { 1.0 }),
        _ => (class, 1.0),
    };
    // Of the mean of squares over rows and outputs, the gradient with respect to an output is 2 (z - y) / (rows
    // outputs): targets so far from the scores that it is 1 for the output in question, and 0 for the others.
    let mut targets = scores.clone();
    for (row, &class) in classes.iter().enumerate() {
        targets[row * outputs + output_of(class).0] -= (rows * outputs) as f32 / 2.0;
    }
    let targets = Targets::Values { values: targets, width: outputs };
    let dataset = Dataset::new(inputs, targets, "the texts")?;
    let trainer = Trainer {
        batch_size: rows,
        shuffle: false,
        fusions: Fusions::NONE.with_bags(true),
        ..Trainer::default()
    };
    let mut session = Session::new(&scored, &trainer, &dataset, None, device)?;
    let order: Vec<u32> = (0..rows as u32).collect();
    session.train_rows(&order)?;
    let gradients = session.read(Role::Gradients)?;
    let Some(gradient) = gradients.first() else { return Ok(Vec::new()) };
    let part = |row: u32| -> f64 {
        let range = row as usize * units..(row as usize + 1) * units;
        let pairs = table.values[range.clone()].iter().zip(&gradient.values[range]);
        pairs.map(|(&value, &slope)| value as f64 * slope as f64).sum()
    };
    // The row of padding is that of all texts: where it does something, each text has to be alone. (A mean and a bag
    // leave it out.)
    if rows > 1 && gradient.values[..units].iter().any(|&slope| slope != 0.0) {
        let alone =
            |text: &String| explain_together(&model, std::slice::from_ref(text), class, device);
        let explained: Result<Vec<Vec<Explanation>>> = texts.iter().map(alone).collect();
        return Ok(explained?.into_iter().flatten().collect());
    }
    let mut explained = Vec::with_capacity(rows);
    for (row, (read, text)) in read.into_iter().zip(texts).enumerate() {
        let own = &scores[row * outputs..(row + 1) * outputs];
        let (output, sign) = output_of(classes[row]);
        let mut parts = vec![0.0; read.words.len()];
        for (owners, &position) in read.owners.iter().zip(&positions[row * length..]) {
            let Some(owners) = owners else { continue };
            let share = sign * part(position) / owners.len() as f64;
            parts[owners.clone()].iter_mut().for_each(|part| *part += share);
        }
        let logit = sign * own[output] as f64;
        let padding = sign * part(0);
        let rest = logit - parts.iter().sum::<f64>() - padding;
        explained.push(Explanation {
            text: text.clone(),
            label: model.labels[classes[row]].clone(),
            probability: probabilities_of(&model, &activated(activation, own))[classes[row]],
            logit,
            words: read
                .words
                .into_iter()
                .zip(parts)
                .map(|(word, part)| WordPart { word, part })
                .collect(),
            padding,
            rest,
            cut: read.cut,
        });
    }
    Ok(explained)
}

/// Probabilities of scores: by sigmoid or softmax, as the model's last layer has it.
fn activated(activation: Activation, scores: &[f32]) -> Vec<f32> {
    match activation {
        Activation::Softmax => {
            let largest = scores.iter().fold(f64::NEG_INFINITY, |most, &z| most.max(z as f64));
            let powers: Vec<f64> = scores.iter().map(|&z| (z as f64 - largest).exp()).collect();
            let sum: f64 = powers.iter().sum();
            powers.into_iter().map(|power| (power / sum) as f32).collect()
        }
        _ => scores.iter().map(|&z| (1.0 / (1.0 + (-z as f64).exp())) as f32).collect(),
    }
}
