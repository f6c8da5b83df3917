//! Adagrad (Duchi, Hazan and Singer 2011), in Keras' form: `s = s + g^2` from the initial accumulator,
//! `p -= lr g / sqrt(s + epsilon)`.
//!
//! A weight without a gradient stays as it is, so a step costs what the ids of its batch cost, and rare words learn as
//! fast as frequent ones did when they were new.

use serde::{Deserialize, Serialize};

use super::{Optimizer, RowUpdate, Rows, Rule, Update, within};
use crate::error::Result;
use crate::kernels::{Dispatch, adagrad, embedding_adagrad};

/// Gradients divided by the root of the sum of all their squares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Adagrad {
    /// Step size.
    pub learning_rate: f64,
    /// What the sums of squares begin at.
    pub initial_accumulator_value: f64,
    /// Added to the sums of squares.
    pub epsilon: f64,
}

impl Default for Adagrad {
    fn default() -> Self {
        Adagrad { learning_rate: 1e-3, initial_accumulator_value: 0.1, epsilon: 1e-7 }
    }
}

impl Optimizer {
    /// Adagrad with this learning rate and initial accumulator, and Keras' epsilon.
    pub fn adagrad(learning_rate: f64, initial_accumulator_value: f64) -> Optimizer {
        Adagrad { learning_rate, initial_accumulator_value, ..Adagrad::default() }.into()
    }
}

impl Adagrad {
    /// The same with another epsilon.
    pub fn with_epsilon(self, epsilon: f64) -> Adagrad {
        Adagrad { epsilon, ..self }
    }

    /// What stands beside the sums under the root.
    fn offset(&self) -> f32 {
        (self.initial_accumulator_value + self.epsilon) as f32
    }
}

impl Rule for Adagrad {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn with_learning_rate(&self, learning_rate: f64) -> Optimizer {
        Adagrad { learning_rate, ..*self }.into()
    }

    fn moments(&self) -> usize {
        1
    }

    fn check(&self) -> Result<()> {
        within("initial_accumulator_value", self.initial_accumulator_value, 0.0, 1e3)?;
        within("epsilon", self.epsilon, 1e-20, 1.0)
    }

    fn record(&self, update: &Update, to: &mut Vec<Dispatch>) {
        let &[squares] = &update.moments[..] else { return };
        let params =
            adagrad::Params { count: update.gradients.len as u32, offset: self.offset() };
        let bindings = adagrad::Bindings {
            state: update.state,
            schedule: update.schedule,
            gradients: update.gradients,
            weights: update.weights,
            squares,
        };
        to.push(adagrad::dispatch(params, bindings));
    }

    fn rows(&self) -> Rows {
        Rows::Named
    }

    fn record_rows(&self, update: &RowUpdate, to: &mut Vec<Dispatch>) {
        let &[squares] = &update.moments[..] else { return };
        let params = embedding_adagrad::Params {
            positions: update.positions,
            units: update.units,
            first: update.first,
            rows: update.rows,
            offset: self.offset(),
        };
        let bindings = embedding_adagrad::Bindings {
            state: update.state,
            schedule: update.schedule,
            sorted_ids: update.sorted_ids,
            gradients: update.gradients,
            weights: update.weights,
            squares,
        };
        to.push(embedding_adagrad::dispatch(params, bindings));
    }
}
