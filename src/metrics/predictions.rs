//! What a model put out beside what was right: checked once, then read by every metric.

use std::borrow::Cow;

use super::Counts;
use crate::error::{Error, Result};

/// Outputs `[rows, width]` beside targets `[rows, target_width]`, row by row, all finite.
#[derive(Clone, Debug)]
pub struct Predictions<'a> {
    outputs: Cow<'a, [f64]>,
    width: usize,
    targets: Cow<'a, [f64]>,
    target_width: usize,
    /// Distance of 1 to the next number in the precision that the outputs came in.
    epsilon: f64,
}

/// Which kind of classification the widths and targets make.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// One class of `width` (of 2 for one sigmoid output).
    Classes,
    /// `width` labels, each of which holds or not.
    Labels,
}

/// Scores of one class or label, and whether it was right, row by row.
pub(super) struct Positives {
    /// `(score, right)`.
    pub(super) rows: Vec<(f64, bool)>,
    /// Rows where it was right.
    pub(super) count: usize,
}

impl Predictions<'static> {
    /// A model's outputs `[rows, width]` and its targets `[rows, target_width]`, row-major.
    ///
    /// `target_width` is 1 for class numbers (`width` above 1) and for binary labels or values
    /// (`width` 1), else it is `width`.
    ///
    /// # Errors
    /// [`Error::Usage`] for no rows, lengths that are not rows of these widths, other widths, NaN or
    /// infinity, and class numbers that no output stands for.
    pub fn new(
        outputs: &[f32],
        width: usize,
        targets: &[f32],
        target_width: usize,
    ) -> Result<Predictions<'static>> {
        let double = |values: &[f32]| values.iter().map(|&value| value as f64).collect::<Vec<_>>();
        let (outputs, targets) = (double(outputs).into(), double(targets).into());
        Predictions { outputs, width, targets, target_width, epsilon: f32::EPSILON as f64 }
            .checked()
    }
}

impl<'a> Predictions<'a> {
    /// The same from double precision: values in the user's units.
    ///
    /// # Errors
    /// As [`Predictions::new`].
    pub fn from_f64(
        outputs: &'a [f64],
        width: usize,
        targets: &'a [f64],
        target_width: usize,
    ) -> Result<Predictions<'a>> {
        let (outputs, targets) = (outputs.into(), targets.into());
        Predictions { outputs, width, targets, target_width, epsilon: f64::EPSILON }.checked()
    }

    fn checked(self) -> Result<Predictions<'a>> {
        let Predictions { outputs, width, targets, target_width, .. } = &self;
        let (width, target_width) = (*width, *target_width);
        if width == 0 || (target_width != 1 && target_width != width) {
            return Err(Error::usage(format!(
                "targets of width {target_width} do not belong to outputs of width {width}; give a class number a row, or a target for each output"
            )));
        }
        let rows = targets.len() / target_width;
        if targets.len() % target_width != 0
            || outputs.len() % width != 0
            || outputs.len() / width != rows
        {
            return Err(Error::usage(format!(
                "{} outputs and {} targets are not as many rows of {width} and {target_width}",
                outputs.len(),
                targets.len()
            )));
        }
        if rows == 0 {
            return Err(Error::usage("there are no rows to compute a metric of"));
        }
        for (name, values, width) in [("output", outputs, width), ("target", targets, target_width)]
        {
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return Err(Error::usage(format!(
                    "{name} {} of row {} is {}; a metric needs finite numbers",
                    at % width,
                    at / width,
                    values[at]
                )));
            }
        }
        let known = |&class: &f64| class >= 0.0 && class < width as f64 && class.fract() == 0.0;
        if let (true, Some(row)) =
            (target_width < width, targets.iter().position(|class| !known(class)))
        {
            return Err(Error::usage(format!(
                "the target of row {row} is {}, which is not a class number from 0 to {}",
                targets[row],
                width - 1
            )));
        }
        Ok(self)
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.targets.len() / self.target_width
    }

    /// Outputs of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Targets of a row: 1 for class numbers.
    pub fn target_width(&self) -> usize {
        self.target_width
    }

    /// The outputs, `[rows, width]`.
    pub fn outputs(&self) -> &[f64] {
        &self.outputs
    }

    /// The targets, `[rows, target_width]`.
    pub fn targets(&self) -> &[f64] {
        &self.targets
    }

    /// The classes, or the labels of a row.
    pub fn classes(&self) -> usize {
        if self.width == 1 { 2 } else { self.width }
    }

    /// Distance of 1 to the next number in the precision that the outputs came in: probabilities
    /// cannot be nearer to 1 than this.
    pub(super) fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// Whether rows are one of two classes: one output, or two for class numbers.
    pub fn is_binary(&self) -> bool {
        self.target_width == 1 && self.width <= 2
    }

    /// Whether targets are labels that hold or not, several a row.
    pub fn is_multilabel(&self) -> bool {
        self.target_width > 1
    }

    /// Outputs and targets of a regression, of one shape, for the metric `name`.
    ///
    /// # Errors
    /// [`Error::Usage`] where targets are class numbers of several outputs.
    pub fn values(&self, name: &str) -> Result<(&[f64], &[f64])> {
        if self.width != self.target_width {
            return Err(Error::usage(format!(
                "{name} compares a target with each output, but a row has {} outputs and one class number; choose a metric of classes, such as accuracy",
                self.width
            )));
        }
        Ok((&self.outputs, &self.targets))
    }

    /// The mean over rows of `cost(target - output)`, for each output: `[width]`.
    pub(super) fn mean_errors(&self, name: &str, cost: impl Fn(f64) -> f64) -> Result<Vec<f64>> {
        let (outputs, targets) = self.values(name)?;
        let mut sums = vec![0.0; self.width];
        for (row, truth) in outputs.chunks_exact(self.width).zip(targets.chunks_exact(self.width)) {
            for ((sum, output), target) in sums.iter_mut().zip(row).zip(truth) {
                *sum += cost(target - output);
            }
        }
        let rows = self.rows() as f64;
        Ok(sums.into_iter().map(|sum| sum / rows).collect())
    }

    /// What was answered and what was right, by class (or label): for metrics that count.
    ///
    /// A row of one output answers 1 above 0.5, a row of class scores the first of the largest, a
    /// row of labels each that is above 0.5.
    ///
    /// # Errors
    /// [`Error::Usage`] where the targets are neither class numbers nor labels of 0 and 1.
    pub fn answers(&self, name: &str) -> Result<Counts> {
        let kind = self.kind(name)?;
        let mut counts = Counts::new(self.classes(), kind == Kind::Labels);
        match kind {
            Kind::Classes => {
                let answers = self.outputs.chunks_exact(self.width).map(answer);
                for (&truth, answer) in self.targets.iter().zip(answers) {
                    counts.add_class(truth as usize, answer);
                }
            }
            Kind::Labels => {
                let outputs = self.outputs.chunks_exact(self.width);
                for (truth, row) in self.targets.chunks_exact(self.width).zip(outputs) {
                    counts.add_labels(truth.iter().zip(row).map(|(&t, &o)| (t == 1.0, o > 0.5)));
                }
            }
        }
        Ok(counts)
    }

    /// The score of one class (or label) in every row, and whether it was right: for metrics that
    /// rank. The positive class of a binary classifier is class 1.
    ///
    /// # Errors
    /// [`Error::Usage`] where the targets are neither class numbers nor labels of 0 and 1.
    pub(super) fn positives(&self, name: &str, class: usize) -> Result<Positives> {
        let kind = self.kind(name)?;
        let scores = self.outputs.iter().skip(if self.width == 1 { 0 } else { class });
        let scores = scores.step_by(self.width).copied();
        let rows: Vec<(f64, bool)> = match kind {
            Kind::Classes => {
                scores.zip(self.targets.iter().map(|&truth| truth == class as f64)).collect()
            }
            Kind::Labels => {
                let truth = self.targets.iter().skip(class).step_by(self.width);
                scores.zip(truth.map(|&truth| truth == 1.0)).collect()
            }
        };
        let count = rows.iter().filter(|(_, right)| *right).count();
        Ok(Positives { rows, count })
    }

    /// Refuses targets of a regression.
    pub(super) fn check_classes(&self, name: &str) -> Result<()> {
        self.kind(name).map(|_| ())
    }

    fn kind(&self, name: &str) -> Result<Kind> {
        if self.target_width < self.width {
            return Ok(Kind::Classes);
        }
        if let Some(at) = self.targets.iter().position(|&label| label != 0.0 && label != 1.0) {
            return Err(Error::usage(format!(
                "{name} needs targets of 0 and 1, but target {} of row {} is {}; choose a metric of values, such as mse",
                at % self.target_width,
                at / self.target_width,
                self.targets[at]
            )));
        }
        Ok(if self.is_multilabel() { Kind::Labels } else { Kind::Classes })
    }
}

/// The class that a row of outputs answers: above a half with one output, else the first of the
/// largest.
fn answer(outputs: &[f64]) -> usize {
    if let [probability] = outputs {
        return (*probability > 0.5) as usize;
    }
    (1..outputs.len()).fold(0, |best, j| if outputs[j] > outputs[best] { j } else { best })
}
