//! Scores of a model that gives a row any number of labels: by label, micro, macro and weighted as scikit-learn's
//! `classification_report` of an indicator matrix, and precision and recall of the k most probable labels as fastText's
//! `test`.

use serde::Serialize;

use super::Scores;
use crate::error::{Error, Result};
use crate::metrics::{Average, Counts};
use crate::printable::{printable_field, shortened};

/// Precision and recall of the k most probable labels of each row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AtK {
    /// So many labels of each row.
    pub k: usize,
    /// Right ones among them, over k times the rows.
    pub precision: f64,
    /// Right ones among them, over all labels of the rows.
    pub recall: f64,
}

/// What is right of the labels that rows were given. Where nothing is to divide by, a score is 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LabelReport {
    /// Names of the labels.
    pub labels: Vec<String>,
    /// Scores by label.
    pub classes: Vec<Scores>,
    /// Share of rows of which all labels are right.
    pub accuracy: f64,
    /// Share of labels, over all rows, that are wrong: given and not right, or right and not given.
    pub hamming_loss: f64,
    /// Over all labels of all rows together.
    pub micro_average: Scores,
    /// Mean over labels.
    pub macro_average: Scores,
    /// Mean over labels, weighted by support.
    pub weighted_average: Scores,
    /// Precision and recall at k, over the rows that have a label, as fastText's `test` has them.
    pub at_k: Vec<AtK>,
}

/// Labels of which the scores are shown: what a terminal has room for.
const MOST_SHOWN: usize = 100;
/// Characters of a label that a table has room for.
const LONGEST_LABEL: usize = 40;
/// The numbers of labels that precision and recall are computed of, as far as there are so many.
const KS: [usize; 3] = [1, 3, 5];

impl LabelReport {
    /// Compares probabilities `[rows, labels]` with truth of 0 and 1; `answers` says whether a label of a probability is
    /// given.
    ///
    /// # Errors
    /// [`Error::Usage`] for no rows, and for what is not as many rows of so many labels.
    pub fn new(
        probabilities: &[f32],
        truth: &[f32],
        labels: &[String],
        answers: impl Fn(usize, f32) -> bool,
    ) -> Result<LabelReport> {
        let count = labels.len();
        if count == 0
            || truth.is_empty()
            || truth.len() != probabilities.len()
            || truth.len() % count != 0
        {
            return Err(Error::usage(format!(
                "a report of {} probabilities and {} labels that are right or not cannot be made of rows of {count} labels",
                probabilities.len(),
                truth.len()
            )));
        }
        let mut counts = Counts::new(count, true);
        let (mut wrong, mut labelled, mut all) = (0, 0, 0);
        let ks: Vec<usize> = KS.into_iter().filter(|&k| k <= count).collect();
        let mut hits = vec![0usize; ks.len()];
        let mut order: Vec<usize> = Vec::with_capacity(count);
        for (row, truth) in probabilities.chunks_exact(count).zip(truth.chunks_exact(count)) {
            let pairs = || {
                let right = truth.iter().map(|&right| right == 1.0);
                right.zip(row.iter().enumerate().map(|(label, &p)| answers(label, p)))
            };
            wrong += pairs().filter(|(right, answer)| right != answer).count();
            counts.add_labels(pairs());
            let own = truth.iter().filter(|&&right| right == 1.0).count();
            all += own;
            if own == 0 {
                continue;
            }
            labelled += 1;
            // The most probable ones, the earlier of two that are as probable.
            let falling = |&a: &usize, &b: &usize| row[b].total_cmp(&row[a]).then(a.cmp(&b));
            order.clear();
            order.extend(0..count);
            let most = ks.last().copied().unwrap_or(1);
            if most < count {
                order.select_nth_unstable_by(most, falling);
            }
            order[..most].sort_unstable_by(falling);
            for (hits, &k) in hits.iter_mut().zip(&ks) {
                *hits += order[..k].iter().filter(|&&label| truth[label] == 1.0).count();
            }
        }
        let ratio = |part: usize, whole: usize| match whole {
            0 => 0.0,
            whole => part as f64 / whole as f64,
        };
        let at_k = ks.iter().zip(&hits).map(|(&k, &hits)| AtK {
            k,
            precision: ratio(hits, k * labelled),
            recall: ratio(hits, all),
        });
        let average = |average| Scores {
            precision: counts.average(Counts::precision, average),
            recall: counts.average(Counts::recall, average),
            f1: counts.average(Counts::f1, average),
            support: all,
        };
        let of_label = |label| Scores {
            precision: counts.precision(label),
            recall: counts.recall(label),
            f1: counts.f1(label),
            support: counts.support(label),
        };
        Ok(LabelReport {
            labels: labels.to_vec(),
            classes: (0..count).map(of_label).collect(),
            accuracy: counts.accuracy(),
            hamming_loss: ratio(wrong, truth.len()),
            micro_average: average(Average::Micro),
            macro_average: average(Average::Macro),
            weighted_average: average(Average::Weighted),
            at_k: at_k.collect(),
        })
    }
}

impl std::fmt::Display for LabelReport {
    /// As scikit-learn prints it; of many labels the scores of the most frequent ones.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown: Vec<usize> = (0..self.labels.len()).collect();
        if shown.len() > MOST_SHOWN {
            shown.sort_by_key(|&label| std::cmp::Reverse(self.classes[label].support));
            shown.truncate(MOST_SHOWN);
        }
        let name = |&label: &usize| {
            shortened(&printable_field(&self.labels[label]), LONGEST_LABEL).into_owned()
        };
        let names: Vec<String> = shown.iter().map(name).collect();
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
        for (name, &label) in names.iter().zip(&shown) {
            row(f, name, &self.classes[label])?;
        }
        if self.labels.len() > shown.len() {
            let rest = self.labels.len() - shown.len();
            writeln!(f, "{:>width$}  ({rest} labels that are less frequent)", "...")?;
        }
        writeln!(f)?;
        row(f, "micro avg", &self.micro_average)?;
        row(f, "macro avg", &self.macro_average)?;
        row(f, "weighted avg", &self.weighted_average)?;
        writeln!(f)?;
        for AtK { k, precision, recall } in &self.at_k {
            writeln!(f, "{:>width$}  {precision:>9.4} {recall:>9.4}", format!("P@{k}, R@{k}"))?;
        }
        writeln!(f, "{:>width$}  {:>9.4}", "all right", self.accuracy)?;
        writeln!(f, "{:>width$}  {:>9.4}", "hamming loss", self.hamming_loss)
    }
}

/// The thresholds that give the best F1 on rows with known labels, `[rows, labels]` each: one for all labels together
/// (micro) or, `each`, one a label. Each lies midway between the probabilities that it parts; of several that are as
/// good, the highest. A label that no row has keeps `otherwise`.
pub fn best_thresholds(
    probabilities: &[f32],
    truth: &[f32],
    labels: usize,
    each: bool,
    otherwise: f32,
) -> Vec<f32> {
    let best = |cells: &mut Vec<(f32, bool)>| {
        let all = cells.iter().filter(|(_, right)| *right).count();
        if all == 0 {
            return otherwise;
        }
        cells.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let (mut hits, mut best, mut threshold) = (0, 0.0, otherwise);
        for (i, &(probability, right)) in cells.iter().enumerate() {
            hits += right as usize;
            let next = cells.get(i + 1).map(|cell| cell.0);
            if next == Some(probability) {
                continue;
            }
            let f1 = 2.0 * hits as f64 / (i + 1 + all) as f64;
            if f1 > best {
                best = f1;
                let between = (probability as f64 + next.unwrap_or(0.0) as f64) / 2.0;
                threshold = (between as f32).min(probability);
            }
        }
        threshold
    };
    let cell = |(&probability, &right): (&f32, &f32)| (probability, right == 1.0);
    if !each {
        return vec![best(&mut probabilities.iter().zip(truth).map(cell).collect())];
    }
    let of_label = |label: usize| {
        let pairs = probabilities.iter().zip(truth).skip(label).step_by(labels.max(1));
        best(&mut pairs.map(cell).collect())
    };
    (0..labels).map(of_label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: [f32; 15] = [1., 0., 1., 0., 1., 0., 0., 0., 0., 1., 1., 0., 0., 0., 1.];
    const SCORES: [f32; 15] =
        [0.9, 0.2, 0.6, 0.4, 0.7, 0.1, 0.6, 0.3, 0.2, 0.8, 0.3, 0.1, 0.1, 0.45, 0.4];

    fn labels() -> Vec<String> {
        ["a", "b", "c"].map(String::from).to_vec()
    }

    /// Figures of scikit-learn's `precision_recall_fscore_support`, `accuracy_score` and `hamming_loss` of TRUTH and
    /// SCORES >= 0.5; those at k of fastText's definition.
    #[test]
    fn scores_are_scikit_learns() {
        let report = LabelReport::new(&SCORES, &TRUTH, &labels(), |_, p| p >= 0.5).expect("rows");
        let near = |found: Scores, expected: [f64; 3]| {
            let found = [found.precision, found.recall, found.f1];
            let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-12, "{found:?} {expected:?}");
        };
        near(report.classes[0], [2. / 3., 1., 0.8]);
        near(report.classes[1], [1., 0.5, 2. / 3.]);
        near(report.classes[2], [1., 0.5, 2. / 3.]);
        near(report.micro_average, [0.8, 2. / 3., 8. / 11.]);
        near(report.macro_average, [8. / 9., 2. / 3., 32. / 45.]);
        near(report.weighted_average, [8. / 9., 2. / 3., 32. / 45.]);
        assert_eq!(report.micro_average.support, 6);
        assert!((report.accuracy - 0.4).abs() < 1e-12);
        assert!((report.hamming_loss - 0.2).abs() < 1e-12);
        // Four rows have a label, six labels in all.
        let at = |k, precision, recall| AtK { k, precision, recall };
        assert_eq!(report.at_k, [at(1, 3. / 4., 3. / 6.), at(3, 6. / 12., 1.)]);
        let text = report.to_string();
        assert!(text.contains("micro avg       0.80      0.67      0.73         6"), "{text}");
    }

    #[test]
    fn thresholds_part_right_from_wrong() {
        // Label c: 0.6 and 0.4 are right, 0.1, 0.2 and 0.1 are not.
        let each = best_thresholds(&SCORES, &TRUTH, 3, true, 0.5);
        assert_eq!(each.len(), 3);
        assert!((each[2] - 0.3).abs() < 1e-6 && (each[0] - 0.7).abs() < 1e-6, "{each:?}");
        let with = |thresholds: &[f32]| {
            let answers = |label: usize, p: f32| p >= thresholds[label % thresholds.len()];
            LabelReport::new(&SCORES, &TRUTH, &labels(), answers).expect("rows")
        };
        let one = best_thresholds(&SCORES, &TRUTH, 3, false, 0.5);
        assert!(with(&one).micro_average.f1 >= with(&[0.5]).micro_average.f1);
        assert!(with(&each).macro_average.f1 > with(&[0.5]).macro_average.f1);
        assert_eq!(best_thresholds(&[0.2, 0.3], &[0.0, 0.0], 1, true, 0.5), [0.5]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (scores, truth) in
            [(&SCORES[..], &TRUTH[..14]), (&[], &[]), (&SCORES[..4], &TRUTH[..4])]
        {
            assert!(LabelReport::new(scores, truth, &labels(), |_, p| p >= 0.5).is_err());
        }
    }
}
