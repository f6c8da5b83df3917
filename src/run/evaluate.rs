//! A model on data with known answers: loss, accuracy, and a report.

use std::path::Path;

use super::load::{Labelled, load_for};
use super::mistakes::{Mistake, mistakes as mistakes_of, mistakes_png};
use crate::backend::Device;
use crate::data::{Account, Dataset, TextColumns};
use crate::error::Result;
use crate::model::{Loss, Model, Preprocessor};
use crate::report::{ClassificationReport, RegressionReport};
use crate::train::Metrics;

/// What an evaluation found.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Rows evaluated.
    pub rows: usize,
    /// Loss and accuracy.
    pub metrics: Metrics,
    /// For classifiers.
    pub classification: Option<ClassificationReport>,
    /// For regressions, in the target's own unit.
    pub regression: Option<RegressionReport>,
    /// The most confident mistakes, worst first, of a classifier of pictures.
    pub mistakes: Vec<Mistake>,
    /// What became of the file's rows.
    pub account: Account,
}

impl Evaluation {
    /// Draws the pictures of the most confident mistakes, as the bytes of a PNG.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) where there are none.
    pub fn mistakes_png(&self, model: &Model) -> Result<Vec<u8>> {
        mistakes_png(model, &self.mistakes)
    }
}

/// Evaluates `model` on a file.
///
/// # Errors
/// Whatever reading or running meets.
pub fn evaluate(
    model: &Model,
    path: &Path,
    targets: Option<&Path>,
    columns: &TextColumns,
    skip_unknown: bool,
    device: &Device,
) -> Result<Evaluation> {
    let Labelled { model, dataset, names, account } =
        load_for(model, path, targets, columns, skip_unknown)?;
    evaluate_on(&model, &dataset, &names, account, device)
}

/// Evaluates `model` on rows that were read; `names` are those of pictures' files.
pub(super) fn evaluate_on(
    model: &Model,
    dataset: &Dataset,
    names: &[String],
    account: Account,
    device: &Device,
) -> Result<Evaluation> {
    let metrics = model.evaluate(dataset, device)?;
    let outputs = model.predict(dataset.inputs(), device)?;
    let truth = dataset.target_values();
    let mut mistakes = Vec::new();
    let classification = (!model.labels.is_empty()).then(|| {
        let answers: Vec<usize> = outputs.chunks_exact(model.outputs()).map(class_of).collect();
        let truth: Vec<usize> = truth.iter().map(|&class| class as usize).collect();
        mistakes = mistakes_of(model, dataset.inputs(), names, &outputs, &truth, &answers);
        ClassificationReport::new(&truth, &answers, &model.labels)
    });
    let classification = classification.transpose()?;
    let regression = (model.labels.is_empty() && model.loss() == Loss::Mse).then(|| {
        let decode = |values: &[f32]| match &model.preprocessor {
            Preprocessor::Table(encoder) => encoder.decode_targets(values),
            _ => values.iter().map(|&value| value as f64).collect(),
        };
        let (truth, answers) = (decode(truth), decode(&outputs));
        RegressionReport::new(&truth, &answers, model.outputs())
    });
    let regression = regression.transpose()?;
    Ok(Evaluation { rows: dataset.rows(), metrics, classification, regression, mistakes, account })
}

/// The class that a row of outputs answers: above a half with one output, else the largest.
pub(super) fn class_of(outputs: &[f32]) -> usize {
    if let [probability] = outputs {
        return (*probability > 0.5) as usize;
    }
    (1..outputs.len()).fold(0, |best, j| if outputs[j] > outputs[best] { j } else { best })
}
