//! Precision, recall and f1 by class, in scikit-learn's layout, and the confusion matrix.

use serde::Serialize;

/// Scores of one class, or an average over classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Right answers among those of this class.
    pub precision: f64,
    /// Right answers among the rows of this class.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Rows of this class.
    pub support: usize,
}

/// What `sklearn.metrics.classification_report` says. Where nothing is to divide by, a score is 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassificationReport {
    /// Names of the classes.
    pub labels: Vec<String>,
    /// Scores by class.
    pub classes: Vec<Scores>,
    /// Share of right answers.
    pub accuracy: f64,
    /// Mean over classes.
    pub macro_average: Scores,
    /// Mean over classes, weighted by support.
    pub weighted_average: Scores,
    /// `confusion[truth][answer]`: numbers of rows.
    pub confusion: Vec<Vec<usize>>,
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl ClassificationReport {
    /// Compares class numbers, row by row; both are below `labels.len()`.
    ///
    /// # Panics
    /// When a class number has no label.
    pub fn new(truth: &[usize], answers: &[usize], labels: &[String]) -> ClassificationReport {
        let count = labels.len();
        let mut confusion = vec![vec![0; count]; count];
        for (&truth, &answer) in truth.iter().zip(answers) {
            confusion[truth][answer] += 1;
        }
        let scores = |class: usize| {
            let right = confusion[class][class];
            let support = confusion[class].iter().sum();
            let answered = confusion.iter().map(|row| row[class]).sum();
            let (precision, recall) = (ratio(right, answered), ratio(right, support));
            let sum = precision + recall;
            let f1 = if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 };
            Scores { precision, recall, f1, support }
        };
        let classes: Vec<Scores> = (0..count).map(scores).collect();
        let right: usize = (0..count).map(|class| confusion[class][class]).sum();
        let average = |weight: &dyn Fn(&Scores) -> f64| {
            let total: f64 = classes.iter().map(weight).sum();
            let mean = |score: &dyn Fn(&Scores) -> f64| {
                let sum: f64 = classes.iter().map(|class| weight(class) * score(class)).sum();
                if total > 0.0 { sum / total } else { 0.0 }
            };
            Scores {
                precision: mean(&|s| s.precision),
                recall: mean(&|s| s.recall),
                f1: mean(&|s| s.f1),
                support: truth.len(),
            }
        };
        ClassificationReport {
            labels: labels.to_vec(),
            accuracy: ratio(right, truth.len()),
            macro_average: average(&|_| 1.0),
            weighted_average: average(&|s| s.support as f64),
            classes,
            confusion,
        }
    }

    /// The confusion matrix as text: a row a truth, a column an answer.
    pub fn confusion_text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        let corner = std::iter::once("truth \\ answer".to_owned());
        table.set_header(corner.chain(self.labels.iter().cloned()));
        for (label, counts) in self.labels.iter().zip(&self.confusion) {
            let counts = counts.iter().map(usize::to_string);
            table.add_row(std::iter::once(label.clone()).chain(counts));
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
        table.to_string()
    }
}

impl std::fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let longest = self.labels.iter().map(|label| label.chars().count()).max();
        let width = longest.unwrap_or(0).max("weighted avg".len());
        writeln!(
            f,
            "{:>width$}  {:>9} {:>9} {:>9} {:>9}\n",
            "", "precision", "recall", "f1-score", "support"
        )?;
        let row = |f: &mut std::fmt::Formatter<'_>, name: &str, s: &Scores| {
            let Scores { precision, recall, f1, support } = s;
            writeln!(f, "{name:>width$}  {precision:>9.2} {recall:>9.2} {f1:>9.2} {support:>9}")
        };
        for (label, scores) in self.labels.iter().zip(&self.classes) {
            row(f, label, scores)?;
        }
        let rows = self.weighted_average.support;
        writeln!(
            f,
            "\n{:>width$}  {:>9} {:>9} {:>9.2} {rows:>9}",
            "accuracy", "", "", self.accuracy
        )?;
        row(f, "macro avg", &self.macro_average)?;
        row(f, "weighted avg", &self.weighted_average)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of scikit-learn's documentation of `classification_report`, as it prints it.
    #[test]
    fn the_report_is_scikit_learns() {
        let labels = ["class 0", "class 1", "class 2"].map(String::from);
        let report = ClassificationReport::new(&[0, 1, 2, 2, 2], &[0, 0, 2, 2, 1], &labels);
        let expected = "              precision    recall  f1-score   support

     class 0       0.50      1.00      0.67         1
     class 1       0.00      0.00      0.00         1
     class 2       1.00      0.67      0.80         3

    accuracy                           0.60         5
   macro avg       0.50      0.56      0.49         5
weighted avg       0.70      0.60      0.61         5
";
        assert_eq!(report.to_string(), expected);
        assert_eq!(report.confusion, [[1, 0, 0], [1, 0, 0], [0, 1, 2]]);
    }
}
