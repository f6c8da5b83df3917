//! Metrics that a run watches: computed on the host from the validation rows' outputs, after every epoch.

use std::sync::Arc;

use crate::data::{Dataset, Inputs, Targets};
use crate::error::{Error, Result};
use crate::metrics::{Metric, Predictions};

/// A metric as a run holds it. Two are equal where their names are.
///
/// ```
/// use wgslearn::{Trainer, metrics};
///
/// let mut trainer = Trainer::default();
/// trainer.monitor = Some(metrics::by_name("f1_macro")?.into());
/// # Ok::<(), wgslearn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Monitor(Arc<dyn Metric>);

impl<M: Metric + 'static> From<M> for Monitor {
    fn from(metric: M) -> Monitor {
        Monitor(Arc::new(metric))
    }
}

impl From<Box<dyn Metric>> for Monitor {
    fn from(metric: Box<dyn Metric>) -> Monitor {
        Monitor(metric.into())
    }
}

impl PartialEq for Monitor {
    fn eq(&self, other: &Monitor) -> bool {
        self.name() == other.name()
    }
}

impl Monitor {
    /// The metric's name.
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// Whether `found` is better than `known`.
    pub(super) fn is_better(&self, found: f64, known: f64) -> bool {
        match self.0.higher_is_better() {
            true => found > known,
            false => found < known,
        }
    }

    /// The metric of a data set's `outputs`, `[rows, width]`; NaN where the metric answers so.
    pub(super) fn compute(&self, outputs: &[f32], width: usize, dataset: &Dataset) -> Result<f64> {
        let is_ids = !matches!(dataset.inputs(), Inputs::Matrix { .. });
        if let (true, Targets::Inputs) = (is_ids, dataset.targets()) {
            return Err(Error::usage(format!(
                "{} is to be watched, but an autoencoder of texts has no targets that a metric compares; watch the loss",
                self.name()
            )));
        }
        let targets = dataset.target_values();
        let predictions = Predictions::new(outputs, width, targets, dataset.target_width())?;
        self.0.compute(&predictions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;

    fn monitor(name: &str) -> Monitor {
        metrics::by_name(name).expect(name).into()
    }

    #[test]
    fn the_better_of_two_is_the_higher_or_the_lower_by_the_metric() {
        let higher =
            |name: &str| (monitor(name).is_better(0.6, 0.5), monitor(name).is_better(0.5, 0.6));
        assert_eq!(higher("accuracy"), (true, false));
        assert_eq!(higher("mae"), (false, true));
        for name in ["accuracy", "mae"] {
            assert!(!monitor(name).is_better(0.5, 0.5), "the first stays");
            assert!(!monitor(name).is_better(f64::NAN, 0.5));
        }
        assert!(monitor("mae") == monitor("mae") && monitor("mae") != monitor("accuracy"));
    }

    #[test]
    fn rows_that_are_given_back_are_compared_and_texts_are_not() {
        let of = |inputs| Dataset::new(inputs, Targets::Inputs, "rows").expect("a data set");
        let rows = of(Inputs::Matrix { features: 2, values: vec![0.0, 1.0, 2.0, 3.0] });
        let found = monitor("mae").compute(&[0.5, 1.0, 2.0, 3.5], 2, &rows).expect("an error");
        assert_eq!(found, 0.25);
        let ids = of(Inputs::Ids { length: 2, values: vec![0, 1, 2, 3] });
        let error = monitor("mae").compute(&[0.5; 4], 2, &ids).expect_err("ids").to_string();
        assert!(error.contains("watch the loss"), "{error}");
        let targets = Targets::Values { width: 1, values: vec![1.0, 0.0] };
        let ids = Inputs::Ids { length: 2, values: vec![0, 1, 2, 3] };
        let labels = Dataset::new(ids, targets, "texts").expect("a data set");
        assert_eq!(monitor("accuracy").compute(&[0.9, 0.2], 1, &labels).expect("a share"), 1.0);
    }
}
