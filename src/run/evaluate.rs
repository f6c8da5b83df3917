//! A model on data with known answers: loss, accuracy, and a report.

use std::path::Path;

use super::answers::{answers_to, report_of};
use super::load::{Labelled, load_for};
use super::mistakes::{PictureMistake, mistakes as mistakes_of, mistakes_png};
use super::outputs::is_same_file;
use crate::backend::Device;
use crate::data::{Account, Dataset, TextColumns, file_and_array};
use crate::error::Result;
use crate::kernels::{first_largest, vectorised};
use crate::model::{Kind, Model, Preprocessor, Source};
use crate::report::{ClassificationReport, LabelReport, RegressionReport};
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
    /// For classifiers that give a row any number of labels.
    pub labels: Option<LabelReport>,
    /// For regressions, in the target's own unit.
    pub regression: Option<RegressionReport>,
    /// The most confident mistakes, worst first, of a classifier of pictures.
    pub mistakes: Vec<PictureMistake>,
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

    /// Its figures by name: the loss, what a classifier's rows say (averages over classes are macro averages), or a
    /// regression's, in the target's own unit.
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let mut figures = vec![("loss", self.metrics.loss)];
        if let Some(report) = &self.classification {
            let average = &report.macro_average;
            figures.extend([
                ("accuracy", report.accuracy),
                ("precision_macro", average.precision),
                ("recall_macro", average.recall),
                ("f1_macro", average.f1),
            ]);
        }
        if let Some(report) = &self.labels {
            figures.extend([
                ("accuracy", report.accuracy),
                ("precision_micro", report.micro_average.precision),
                ("recall_micro", report.micro_average.recall),
                ("f1_micro", report.micro_average.f1),
                ("f1_macro", report.macro_average.f1),
            ]);
        }
        if let Some(report) = &self.regression {
            figures.extend([("mse", report.mse), ("rmse", report.rmse), ("mae", report.mae)]);
            figures.extend(report.r2.map(|r2| ("r2", r2)));
        }
        figures
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
    let Labelled { model, dataset, mut account, texts, .. } =
        load_for(model, path, targets, columns, skip_unknown, false)?;
    let read = account.place(path);
    let is_source =
        |source: &Source| file_and_array(read).0.is_file() && is_same_file(&source.path, read);
    if model.source.as_ref().is_some_and(is_source) {
        account.warn(
            "the model was trained on rows of this file: on new ones it does worse than on these",
        );
    }
    evaluate_rows(&model, &dataset, &texts, account, device)
}

/// Evaluates a model on rows that it reads as they are; `names` are those of pictures' files.
pub(super) fn evaluate_rows(
    model: &Model,
    dataset: &Dataset,
    names: &[String],
    account: Account,
    device: &Device,
) -> Result<Evaluation> {
    let metrics = model.evaluate(dataset, device)?;
    let truth = dataset.target_values();
    let several = model.kind() == Kind::MultiLabel;
    // Of a classifier's outputs, which may be many a row, no more is kept than each row's answer.
    let (found, outputs) = match !several && !model.labels.is_empty() {
        true => (Some(answers_to(model, dataset, device)?), Vec::new()),
        false => (None, model.predict(dataset.inputs(), device)?),
    };
    let labels = several.then(|| {
        LabelReport::new(&outputs, truth, &model.labels, |label, p| model.answers(label, p))
    });
    let labels = labels.transpose()?;
    let mut mistakes = Vec::new();
    let classification = found.map(|found| {
        mistakes = mistakes_of(model, dataset.inputs(), names, &found);
        report_of(model, &found)
    });
    let classification = classification.transpose()?;
    let is_of_errors = model.loss().objective().is_of_errors();
    let regression = (model.labels.is_empty() && is_of_errors).then(|| {
        let decode = |values: &[f32]| match &model.preprocessor {
            Preprocessor::Table(encoder) => encoder.decode_targets(values),
            _ => values.iter().map(|&value| value as f64).collect(),
        };
        let (truth, answers) = (decode(truth), decode(&outputs));
        RegressionReport::new(&truth, &answers, model.outputs())
    });
    let regression = regression.transpose()?;
    let rows = dataset.rows();
    Ok(Evaluation { rows, metrics, classification, labels, regression, mistakes, account })
}

/// The class that a row of outputs answers: above a half with one output, else the largest.
pub(super) fn class_of(outputs: &[f32]) -> usize {
    if let [probability] = outputs {
        return (*probability > 0.5) as usize;
    }
    vectorised(
        #[inline(always)]
        || first_largest(outputs),
    )
}
