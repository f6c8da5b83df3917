//! Right and wrong answers, counted by class: what accuracy, precision, recall and f1 are made of.

use super::Average;

/// Counts by class (or by label) over rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// `[classes]`: rows of the class that were answered as it.
    right: Vec<usize>,
    /// `[classes]`: rows that were answered as the class.
    answered: Vec<usize>,
    /// `[classes]`: rows of the class.
    support: Vec<usize>,
    rows: usize,
    /// Rows in which everything was right.
    rows_right: usize,
    multilabel: bool,
}

/// `part / whole`, and 0 where there is nothing to divide by (scikit-learn's `zero_division=0`).
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Counts {
    /// No rows yet. `multilabel`: a row has any number of the classes.
    pub(crate) fn new(classes: usize, multilabel: bool) -> Counts {
        let zeros = vec![0; classes];
        Counts {
            right: zeros.clone(),
            answered: zeros.clone(),
            support: zeros,
            rows: 0,
            rows_right: 0,
            multilabel,
        }
    }

    /// Counts of class numbers, row by row; both are below `classes`, or the row is left out.
    pub(crate) fn of_classes(truth: &[usize], answers: &[usize], classes: usize) -> Counts {
        let mut counts = Counts::new(classes, false);
        for (&truth, &answer) in truth.iter().zip(answers) {
            if truth < classes && answer < classes {
                counts.add_class(truth, answer);
            }
        }
        counts
    }

    /// A row of one class.
    pub(super) fn add_class(&mut self, truth: usize, answer: usize) {
        self.support[truth] += 1;
        self.answered[answer] += 1;
        self.right[truth] += (truth == answer) as usize;
        self.rows += 1;
        self.rows_right += (truth == answer) as usize;
    }

    /// A row of labels: `(truth, answer)` of each.
    pub(crate) fn add_labels(&mut self, labels: impl Iterator<Item = (bool, bool)>) {
        let mut all = true;
        for (label, (truth, answer)) in labels.enumerate() {
            self.support[label] += truth as usize;
            self.answered[label] += answer as usize;
            self.right[label] += (truth && answer) as usize;
            all &= truth == answer;
        }
        self.rows += 1;
        self.rows_right += all as usize;
    }

    /// Classes, or labels.
    pub fn classes(&self) -> usize {
        self.support.len()
    }

    /// Rows of a class.
    pub fn support(&self, class: usize) -> usize {
        self.support[class]
    }

    /// Share of rows in which everything was right: of labels, all of a row's.
    pub fn accuracy(&self) -> f64 {
        ratio(self.rows_right, self.rows)
    }

    /// Right answers among the rows answered as the class; 0 where there are none.
    pub fn precision(&self, class: usize) -> f64 {
        ratio(self.right[class], self.answered[class])
    }

    /// Right answers among the rows of the class; 0 where there are none.
    pub fn recall(&self, class: usize) -> f64 {
        ratio(self.right[class], self.support[class])
    }

    /// Harmonic mean of the two, `2 tp / (2 tp + fp + fn)`; 0 where the class does not occur.
    pub fn f1(&self, class: usize) -> f64 {
        ratio(2 * self.right[class], self.answered[class] + self.support[class])
    }

    /// One of the three, averaged over classes.
    ///
    /// Macro and weighted averages of class numbers are over the classes that occur in the truth or in
    /// the answers, as scikit-learn's are; those of labels are over all labels. Weights are the rows
    /// of a class; where there are none at all, 0.
    pub fn average(&self, score: fn(&Counts, usize) -> f64, average: Average) -> f64 {
        match average {
            Average::Binary => score(self, 1),
            Average::Micro => {
                let sum = |counts: &[usize]| vec![counts.iter().sum()];
                let pooled = Counts {
                    right: sum(&self.right),
                    answered: sum(&self.answered),
                    support: sum(&self.support),
                    ..*self
                };
                score(&pooled, 0)
            }
            Average::Macro => self.mean(score, |class| self.occurs(class) as usize),
            Average::Weighted => self.mean(score, |class| self.support[class]),
        }
    }

    fn occurs(&self, class: usize) -> bool {
        self.multilabel || self.support[class] + self.answered[class] > 0
    }

    fn mean(&self, score: fn(&Counts, usize) -> f64, weight: impl Fn(usize) -> usize) -> f64 {
        let classes = 0..self.classes();
        let total: usize = classes.clone().map(&weight).sum();
        let sum: f64 = classes.map(|class| weight(class) as f64 * score(self, class)).sum();
        if total == 0 { 0.0 } else { sum / total as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A class that there is not, in truth or answer, leaves the row out.
    #[test]
    fn rows_of_no_class_are_left_out() {
        let counts = |truth: &[usize], answers: &[usize]| Counts::of_classes(truth, answers, 2);
        let none = counts(&[], &[]);
        assert_eq!(counts(&[2, 1, 2], &[1, 2, 2]), none);
        assert_ne!(counts(&[1], &[1]), none);
        assert_eq!(counts(&[0, 2, 1], &[1, 0, 1]), counts(&[0, 1], &[1, 1]));
    }
}
