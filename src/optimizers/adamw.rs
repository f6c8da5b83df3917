//! AdamW (Loshchilov and Hutter 2019), in Keras' form: kernels and tables first lose their part, `p -= lr weight_decay p`,
//! then Adam. Biases and normalisation do not decay.

use serde::{Deserialize, Serialize};

use super::{ExactAdam, Optimizer, Rule, Update, within};
use crate::error::Result;
use crate::kernels::{Dispatch, adam, decay};

/// Adam with decoupled weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AdamW {
    /// Step size.
    pub learning_rate: f64,
    /// What weights lose at a learning rate of 1.
    pub weight_decay: f64,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW {
            learning_rate: 1e-3,
            weight_decay: 4e-3,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
        }
    }
}

impl Optimizer {
    /// AdamW with this learning rate and weight decay, and Keras' other defaults.
    pub fn adamw(learning_rate: f64, weight_decay: f64) -> Optimizer {
        AdamW { learning_rate, weight_decay, ..AdamW::default() }.into()
    }
}

impl Rule for AdamW {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn with_learning_rate(&self, learning_rate: f64) -> Optimizer {
        AdamW { learning_rate, ..*self }.into()
    }

    fn moments(&self) -> usize {
        2
    }

    fn step_size(&self, learning_rate: f64, step: u64) -> f64 {
        adam::rate(learning_rate, self.beta_1, self.beta_2, step)
    }

    fn reads_rates(&self) -> bool {
        true
    }

    fn check(&self) -> Result<()> {
        within("weight_decay", self.weight_decay, 0.0, 1e3)?;
        within("beta_1", self.beta_1, 0.0, 1.0)?;
        within("beta_2", self.beta_2, 0.0, 1.0)?;
        within("epsilon", self.epsilon, 0.0, 1.0)
    }

    fn record(&self, update: &Update, to: &mut Vec<Dispatch>) {
        let (state, rates, factor) = (update.state, update.rates, self.weight_decay as f32);
        for range in &update.decayed {
            let weights = update.weights.part(range.start, range.len);
            let params = decay::Params { count: range.len as u32, factor };
            to.push(decay::dispatch(params, decay::Bindings { state, rates, weights }));
        }
        let (beta_1, beta_2, epsilon) = (self.beta_1, self.beta_2, self.epsilon);
        to.extend(ExactAdam { beta_1, beta_2, epsilon }.update(update));
    }
}
