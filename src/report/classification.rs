//! Precision, recall and f1 by class, in scikit-learn's layout, and the confusion matrix.

use std::collections::HashMap;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::metrics::{Average, Counts};
use crate::printable::{printable_field, shortened};

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
    /// Mean over the classes that occur in the truth or in the answers: scikit-learn's, without its
    /// `labels`.
    pub macro_average: Scores,
    /// Mean over classes, weighted by support.
    pub weighted_average: Scores,
    /// `confusion[truth][answer]`: numbers of rows. Of more than 100 classes it is left out: `confused` says the worst.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<Vec<usize>>,
    /// The pairs of classes that are confused most often, at most 20, worst first.
    pub confused: Vec<Confused>,
}

/// Rows of one class that were answered as another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confused {
    /// Their label.
    pub truth: String,
    /// What was answered.
    pub answer: String,
    /// How many.
    pub rows: usize,
}

/// Classes of which the whole matrix is kept.
const MOST_OF_MATRIX: usize = 100;
/// Classes of which it is shown as a table: what a terminal has room for.
const MOST_SHOWN: usize = 20;
/// Characters of a label that a table has room for.
const LONGEST_LABEL: usize = 40;
/// Pairs of confused classes that are kept.
const WORST: usize = 20;

impl ClassificationReport {
    /// Compares class numbers, row by row.
    ///
    /// # Errors
    /// [`Error::Usage`] for no rows, other numbers of answers than of rows, and a class number without a
    /// label.
    pub fn new(
        truth: &[usize],
        answers: &[usize],
        labels: &[String],
    ) -> Result<ClassificationReport> {
        if truth.is_empty() || truth.len() != answers.len() {
            return Err(Error::usage(format!(
                "a report of {} rows and {} answers cannot be made; give rows, and an answer to each",
                truth.len(),
                answers.len()
            )));
        }
        let count = labels.len();
        let mut pairs: HashMap<(usize, usize), usize> = HashMap::new();
        for (row, (&truth, &answer)) in truth.iter().zip(answers).enumerate() {
            if truth.max(answer) >= count {
                return Err(Error::usage(format!(
                    "row {row} is of class {truth} and was answered {answer}, but there are labels for {count} classes"
                )));
            }
            *pairs.entry((truth, answer)).or_default() += 1;
        }
        let mut confusion = Vec::new();
        if count <= MOST_OF_MATRIX {
            confusion = vec![vec![0; count]; count];
            pairs.iter().for_each(|(&(truth, answer), &rows)| confusion[truth][answer] = rows);
        }
        let mut worst: Vec<_> =
            pairs.into_iter().filter(|((truth, answer), _)| truth != answer).collect();
        worst.sort_unstable_by_key(|&(pair, rows)| (std::cmp::Reverse(rows), pair));
        let confused = worst.into_iter().take(WORST).map(|((truth, answer), rows)| Confused {
            truth: labels[truth].clone(),
            answer: labels[answer].clone(),
            rows,
        });
        let confused = confused.collect();
        let counts = Counts::of_classes(truth, answers, count);
        let classes = (0..count).map(|class| Scores {
            precision: counts.precision(class),
            recall: counts.recall(class),
            f1: counts.f1(class),
            support: counts.support(class),
        });
        let average = |average| Scores {
            precision: counts.average(Counts::precision, average),
            recall: counts.average(Counts::recall, average),
            f1: counts.average(Counts::f1, average),
            support: truth.len(),
        };
        Ok(ClassificationReport {
            labels: labels.to_vec(),
            classes: classes.collect(),
            accuracy: counts.accuracy(),
            macro_average: average(Average::Macro),
            weighted_average: average(Average::Weighted),
            confusion,
            confused,
        })
    }

    /// The confusion matrix as text: a row a truth, a column an answer; of more than 20 classes, the pairs that are
    /// confused most often.
    pub fn confusion_text(&self) -> String {
        let shown = |label: &String| shortened(&printable_field(label), LONGEST_LABEL).into_owned();
        if self.labels.len() > MOST_SHOWN {
            let mut text = String::from("most often confused (rows, truth -> answer)\n");
            for Confused { truth, answer, rows } in &self.confused {
                let (truth, answer) = (shown(truth), shown(answer));
                text += &format!("{rows:>7}  {truth} -> {answer}\n");
            }
            if self.confused.is_empty() {
                text += "      0  every row was answered rightly\n";
            }
            return text;
        }
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        let corner = std::iter::once("truth \\ answer".to_owned());
        table.set_header(corner.chain(self.labels.iter().map(shown)));
        for (label, counts) in self.labels.iter().zip(&self.confusion) {
            let counts = counts.iter().map(usize::to_string);
            table.add_row(std::iter::once(shown(label)).chain(counts));
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
        table.to_string()
    }
}

impl std::fmt::Display for ClassificationReport {
    /// As scikit-learn prints it; of more than 100 classes the scores of the 100 most frequent ones.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut classes: Vec<usize> = (0..self.labels.len()).collect();
        if classes.len() > MOST_OF_MATRIX {
            classes.sort_by_key(|&class| std::cmp::Reverse(self.classes[class].support));
            classes.truncate(MOST_OF_MATRIX);
        }
        let name = |&class: &usize| {
            shortened(&printable_field(&self.labels[class]), LONGEST_LABEL).into_owned()
        };
        let names: Vec<String> = classes.iter().map(name).collect();
        let longest = names.iter().map(|name| name.chars().count()).max();
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
        for (name, &class) in names.iter().zip(&classes) {
            row(f, name, &self.classes[class])?;
        }
        if self.labels.len() > classes.len() {
            let rest = self.labels.len() - classes.len();
            writeln!(f, "{:>width$}  ({rest} classes that are less frequent)", "...")?;
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
        let report = report.expect("a report");
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
    fn labels(count: usize) -> Vec<String> {
        (0..count).map(|class| class.to_string()).collect()
    }

    #[test]
    fn a_class_that_does_not_occur_weighs_nothing() {
        let report = ClassificationReport::new(&[0, 1, 0, 1], &[0, 1, 0, 1], &labels(3));
        let report = report.expect("a report");
        assert_eq!(
            report.macro_average,
            Scores { precision: 1.0, recall: 1.0, f1: 1.0, support: 4 }
        );
        assert_eq!(report.macro_average, report.weighted_average);
        assert_eq!(report.classes[2], Scores::default());
        // One that was only answered does: its recall is 0 of nothing.
        let report = ClassificationReport::new(&[0, 1, 0, 1], &[0, 1, 0, 2], &labels(3));
        let macro_average = report.expect("a report").macro_average;
        assert!((macro_average.recall - 0.5).abs() < 1e-15, "{macro_average:?}");
        assert!((macro_average.precision - 2.0 / 3.0).abs() < 1e-15, "{macro_average:?}");
    }

    #[test]
    fn the_confusion_matrix_is_a_table_of_truth_by_answer() {
        let labels = ["no", "yes"].map(String::from);
        let report = ClassificationReport::new(&[0, 0, 0, 1], &[0, 1, 1, 1], &labels);
        let text = report.expect("a report").confusion_text();
        let words: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        let expected = [
            vec!["truth", "\\", "answer", "no", "yes"],
            vec!["no", "1", "2"],
            vec!["yes", "0", "1"],
        ];
        assert_eq!(words, expected, "{text}");
    }

    #[test]
    fn of_many_classes_the_worst_pairs_are_told() {
        let truth: Vec<usize> = (0..4000).map(|i| i % 2000).collect();
        let mut answers = truth.clone();
        answers[0] = 1;
        answers[2000] = 1;
        answers[5] = 7;
        let report = ClassificationReport::new(&truth, &answers, &labels(2000)).expect("a report");
        assert!(report.confusion.is_empty());
        let text = report.confusion_text();
        assert!(text.contains("2  0 -> 1") && text.contains("1  5 -> 7"), "{text}");
        assert!(text.len() < 200, "{text}");
        // As many lines as a person reads.
        let text = report.to_string();
        assert!(text.contains("(1900 classes that are less frequent)"), "{text}");
        assert_eq!(text.lines().count(), 107);
    }

    #[test]
    fn labels_of_any_text_stay_in_their_lines() {
        let labels = ["a\u{1b}[31m\nb".to_owned(), "long ".repeat(1000)];
        let report = ClassificationReport::new(&[0, 1], &[1, 0], &labels).expect("a report");
        for text in [report.to_string(), report.confusion_text()] {
            assert!(text.contains("a\\u001b[31m\\nb") && !text.contains('\u{1b}'), "{text}");
            assert!(text.contains("long long long long …") && text.len() < 1000, "{text}");
        }
        assert_eq!(report.to_string().lines().count(), 8);
        // The same in the list of pairs.
        let many: Vec<String> = (0..30).map(|i| format!("{i}\u{1b}\n{}", "x".repeat(99))).collect();
        let report = ClassificationReport::new(&[0], &[29], &many).expect("a report");
        let text = report.confusion_text();
        assert!(text.lines().count() == 2 && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let sentence = |truth: &[usize], answers: &[usize]| {
            ClassificationReport::new(truth, answers, &labels(2)).expect_err("refused").to_string()
        };
        assert!(sentence(&[], &[]).contains("0 rows"));
        assert!(sentence(&[0], &[0, 1]).contains("1 rows and 2 answers"));
        assert!(sentence(&[0, 2], &[0, 1]).contains("row 1 is of class 2"));
        assert!(sentence(&[0, 1], &[2, 1]).contains("answered 2"));
    }
}
