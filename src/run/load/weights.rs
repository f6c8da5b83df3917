//! Weights of rows: a column's, and those of their classes, as a product.

use super::labels::number_of;
use crate::data::Dataset;
use crate::error::{Error, Result, did_you_mean};

/// Weights of classes as a run names them.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::run) enum ClassWeights<'w> {
    /// rows / (classes x rows of the class), as scikit-learn's "balanced".
    Balanced,
    /// By label; 1 for those that are not named.
    Named(Vec<(&'w str, f32)>),
}

impl ClassWeights<'_> {
    /// `balanced`, or labels with their weights: `spam=3,ham=1`.
    ///
    /// # Errors
    /// [`Error::Usage`] says what is wrong.
    pub(in crate::run) fn parse(text: &str) -> Result<ClassWeights<'_>> {
        if text.trim() == "balanced" {
            return Ok(ClassWeights::Balanced);
        }
        let mut named: Vec<(&str, f32)> = Vec::new();
        for pair in text.split(',') {
            let wrong = |why: String| {
                Error::usage(format!(
                    "class_weight is \"{text}\": {why}; give balanced, or weights such as spam=3,ham=1"
                ))
            };
            let Some((label, weight)) = pair.rsplit_once('=') else {
                return Err(wrong(format!("\"{pair}\" has no weight")));
            };
            let (label, weight) = (label.trim(), weight.trim());
            let number = weight.parse().ok().filter(|w: &f32| w.is_finite() && *w >= 0.0);
            let Some(number) = number else {
                return Err(wrong(format!("\"{weight}\" is no weight, a number from 0 on")));
            };
            if named.iter().any(|(other, _)| *other == label) {
                return Err(wrong(format!("\"{label}\" is there twice")));
            }
            named.push((label, number));
        }
        Ok(ClassWeights::Named(named))
    }

    /// The weight of each class, of which there are so many `rows`.
    fn of(&self, labels: &[String], rows: &[usize]) -> Result<Vec<f32>> {
        match self {
            ClassWeights::Balanced => {
                let all = rows.iter().sum::<usize>() as f64;
                let weight = |&rows: &usize| match rows {
                    0 => 0.0,
                    rows => (all / (labels.len() as f64 * rows as f64)) as f32,
                };
                Ok(rows.iter().map(weight).collect())
            }
            ClassWeights::Named(named) => {
                let mut weights = vec![1.0; labels.len()];
                for (label, weight) in named {
                    let Some(class) = number_of(label, labels) else {
                        return Err(Error::usage(format!(
                            "class_weight names \"{label}\", which is no label of the data{}",
                            did_you_mean(label, labels.iter().map(String::as_str))
                        )));
                    };
                    weights[class] = *weight;
                }
                Ok(weights)
            }
        }
    }
}

/// The weights of classes that a run names, of which there are so many `rows`; `labels` are the classes, none for a
/// regression, and `several` says that a row may have any number of them.
///
/// # Errors
/// [`Error::Usage`] where there are none to weigh.
pub(super) fn class_weights(
    class_weight: Option<&str>,
    labels: &[String],
    rows: impl FnOnce() -> Vec<usize>,
    several: bool,
) -> Result<Option<Vec<f32>>> {
    let Some(class_weight) = class_weight else { return Ok(None) };
    if labels.is_empty() || several {
        return Err(Error::usage(match several {
            true => {
                "class_weight is given, but a text has any number of labels, each learned by itself; weights of rows are a column's"
            }
            false => {
                "class_weight is given, but there are no classes; weights of rows are a column's"
            }
        }));
    }
    ClassWeights::parse(class_weight)?.of(labels, &rows()).map(Some)
}

/// The weights of rows of these classes: `rows` of a column where they have any, times those of their classes where these
/// have any; none where neither has.
pub(super) fn row_weights(classes: &[f32], rows: Vec<f32>, by_class: Option<&[f32]>) -> Vec<f32> {
    let Some(by_class) = by_class else { return rows };
    let mut weights: Vec<f32> = classes.iter().map(|&class| by_class[class as usize]).collect();
    for (weight, row) in weights.iter_mut().zip(rows) {
        *weight *= row;
    }
    weights
}

/// The rows with the weights of [`class_weights`] and [`row_weights`].
pub(super) fn weigh(
    dataset: Dataset,
    rows: Vec<f32>,
    class_weight: Option<&str>,
    labels: &[String],
    several: bool,
) -> Result<Dataset> {
    let classes = dataset.target_values();
    let counts = || count_classes(classes, labels.len(), &[]);
    let by_class = class_weights(class_weight, labels, counts, several)?;
    let weights = row_weights(classes, rows, by_class.as_deref());
    match weights.is_empty() {
        true => Ok(dataset),
        false => dataset.with_weights(weights),
    }
}

/// How many rows each class has, without the rows of these numbers.
pub(super) fn count_classes(classes: &[f32], labels: usize, without: &[usize]) -> Vec<usize> {
    let mut rows = vec![0; labels];
    classes.iter().for_each(|&class| rows[class as usize] += 1);
    without.iter().for_each(|&row| rows[classes[row] as usize] -= 1);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_balanced_or_named() {
        let labels = ["ham", "spam"].map(str::to_owned);
        let of = |text: &str| ClassWeights::parse(text)?.of(&labels, &[3, 1]);
        // scikit-learn: compute_class_weight("balanced", classes=[0, 1], y=[0, 0, 0, 1]).
        let balanced = of("balanced").expect("weights");
        assert!((balanced[0] - 2.0 / 3.0).abs() < 1e-7 && balanced[1] == 2.0, "{balanced:?}");
        assert_eq!(of("spam=3").expect("weights"), [1.0, 3.0]);
        assert_eq!(of("ham=0.5, spam = 2").expect("weights"), [0.5, 2.0]);
        for (text, says) in [
            ("spam", "has no weight"),
            ("spam=-1", "no weight"),
            ("spam=inf", "no weight"),
            ("spam=1,spam=2", "twice"),
            ("spma=1", "did you mean \"spam\""),
        ] {
            let error = of(text).expect_err(text).to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
