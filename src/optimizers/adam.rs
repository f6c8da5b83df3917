//! Adam (Kingma and Ba 2015), in Keras' form: `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
//! `p -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)`.

use serde::{Deserialize, Serialize};

use super::{ExactAdam, Optimizer, RowUpdate, Rows, Rule, SmallRule, Update, within};
use crate::error::Result;
use crate::kernels::{Dispatch, adam, embedding_adam, embedding_replay};

/// Kingma and Ba 2015, in Keras' form.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Adam {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Adam { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl Optimizer {
    /// Adam with this learning rate and Keras' other defaults.
    pub fn adam(learning_rate: f64) -> Optimizer {
        Adam { learning_rate, ..Adam::default() }.into()
    }
}

impl Adam {
    /// The same with other decays of the moments.
    pub fn with_betas(self, beta_1: f64, beta_2: f64) -> Adam {
        Adam { beta_1, beta_2, ..self }
    }

    /// The same with another epsilon.
    pub fn with_epsilon(self, epsilon: f64) -> Adam {
        Adam { epsilon, ..self }
    }

    fn numbers(&self) -> ExactAdam {
        ExactAdam { beta_1: self.beta_1, beta_2: self.beta_2, epsilon: self.epsilon }
    }
}

impl Rule for Adam {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn with_learning_rate(&self, learning_rate: f64) -> Optimizer {
        Adam { learning_rate, ..*self }.into()
    }

    fn moments(&self) -> usize {
        2
    }

    fn step_size(&self, learning_rate: f64, step: u64) -> f64 {
        adam::rate(learning_rate, self.beta_1, self.beta_2, step)
    }

    fn check(&self) -> Result<()> {
        within("beta_1", self.beta_1, 0.0, 1.0)?;
        within("beta_2", self.beta_2, 0.0, 1.0)?;
        within("epsilon", self.epsilon, 0.0, 1.0)
    }

    fn record(&self, update: &Update, to: &mut Vec<Dispatch>) {
        to.extend(self.numbers().update(update));
    }

    fn rows(&self) -> Rows {
        match embedding_replay::is_exact(self.beta_1, self.beta_2) {
            true => Rows::Replayed(self.numbers()),
            false => Rows::All,
        }
    }

    fn record_rows(&self, update: &RowUpdate, to: &mut Vec<Dispatch>) {
        let &[first_moments, second_moments] = &update.moments[..] else { return };
        let params = embedding_adam::Params {
            positions: update.positions,
            units: update.units,
            first: update.first,
            rows: update.rows,
            beta_1: self.beta_1 as f32,
            beta_2: self.beta_2 as f32,
            complement_1: (1.0 - self.beta_1) as f32,
            complement_2: (1.0 - self.beta_2) as f32,
            epsilon: self.epsilon as f32,
        };
        let bindings = embedding_adam::Bindings {
            state: update.state,
            schedule: update.schedule,
            sorted_ids: update.sorted_ids,
            gradients: update.gradients,
            weights: update.weights,
            first_moments,
            second_moments,
        };
        to.push(embedding_adam::dispatch(params, bindings));
    }

    fn as_small(&self) -> Option<SmallRule> {
        Some(SmallRule::Adam(self.numbers()))
    }
}

impl ExactAdam {
    /// The update of an arena.
    pub(super) fn update(&self, update: &Update) -> Option<Dispatch> {
        let &[first_moments, second_moments] = &update.moments[..] else { return None };
        let params = adam::Params {
            count: update.gradients.len as u32,
            beta_1: self.beta_1 as f32,
            beta_2: self.beta_2 as f32,
            complement_1: (1.0 - self.beta_1) as f32,
            complement_2: (1.0 - self.beta_2) as f32,
            epsilon: self.epsilon as f32,
        };
        let bindings = adam::Bindings {
            state: update.state,
            schedule: update.schedule,
            gradients: update.gradients,
            weights: update.weights,
            first_moments,
            second_moments,
        };
        Some(adam::dispatch(params, bindings))
    }
}
