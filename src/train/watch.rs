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
