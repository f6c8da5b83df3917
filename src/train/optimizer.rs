//! Optimizers by name, with Keras' defaults, and the rate of every step.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernels::adam;

/// What turns gradients into new weights. In TOML: `{ adam = { learning_rate = 1e-3 } }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Kingma and Ba 2015, in Keras' form.
    Adam {
        /// Step size.
        #[serde(default = "default_learning_rate")]
        learning_rate: f64,
        /// Decay of the first moment.
        #[serde(default = "default_beta_1")]
        beta_1: f64,
        /// Decay of the second moment.
        #[serde(default = "default_beta_2")]
        beta_2: f64,
        /// Added to the root of the second moment.
        #[serde(default = "default_epsilon")]
        epsilon: f64,
    },
    /// Gradient descent with momentum.
    Sgd {
        /// Step size.
        #[serde(default = "default_sgd_learning_rate")]
        learning_rate: f64,
        /// Decay of the velocity; 0 is plain descent.
        #[serde(default)]
        momentum: f64,
    },
}

fn default_learning_rate() -> f64 {
    1e-3
}
fn default_beta_1() -> f64 {
    0.9
}
fn default_beta_2() -> f64 {
    0.999
}
fn default_epsilon() -> f64 {
    1e-7
}
fn default_sgd_learning_rate() -> f64 {
    1e-2
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer::adam(default_learning_rate())
    }
}

/// How the learning rate moves over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Stays.
    #[default]
    Constant,
    /// Falls along half a cosine to 1 % of itself over the epochs asked for.
    Cosine,
    /// Stays for 70 % of the epochs asked for, and then falls in a line to 1 % of itself
    /// (warmup-stable-decay, Hu et al. 2024, without the warmup).
    Cooldown,
}

impl Schedule {
    /// The factor on the learning rate at step `step` (from 1) of `steps`.
    fn factor(self, step: u64, steps: u64) -> f64 {
        let done = ((step.saturating_sub(1)) as f64 / steps.max(1) as f64).min(1.0);
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine => 0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
            Schedule::Cooldown => 0.01 + 0.99 * ((1.0 - done) / 0.3).min(1.0),
        }
    }
}

impl Optimizer {
    /// Adam with this learning rate and Keras' other defaults.
    pub fn adam(learning_rate: f64) -> Optimizer {
        Optimizer::Adam {
            learning_rate,
            beta_1: default_beta_1(),
            beta_2: default_beta_2(),
            epsilon: default_epsilon(),
        }
    }

    /// Gradient descent with this learning rate and momentum.
    pub fn sgd(learning_rate: f64, momentum: f64) -> Optimizer {
        Optimizer::Sgd { learning_rate, momentum }
    }

    /// The same with `factor` times the learning rate.
    pub(crate) fn scaled(self, factor: f64) -> Optimizer {
        match self {
            Optimizer::Adam { learning_rate, beta_1, beta_2, epsilon } => {
                Optimizer::Adam { learning_rate: learning_rate * factor, beta_1, beta_2, epsilon }
            }
            Optimizer::Sgd { learning_rate, momentum } => {
                Optimizer::Sgd { learning_rate: learning_rate * factor, momentum }
            }
        }
    }

    /// The rate that the kernel takes at step `step`, from 1, of a run of `steps`.
    pub(super) fn rate(&self, schedule: Schedule, step: u64, steps: u64) -> f32 {
        let factor = schedule.factor(step, steps);
        let rate = match *self {
            Optimizer::Adam { learning_rate, beta_1, beta_2, .. } => {
                adam::rate(learning_rate * factor, beta_1, beta_2, step)
            }
            Optimizer::Sgd { learning_rate, .. } => learning_rate * factor,
        };
        rate as f32
    }

    /// Arrays of moments that it keeps beside the weights.
    pub(crate) fn moments(&self) -> usize {
        match self {
            Optimizer::Adam { .. } => 2,
            Optimizer::Sgd { .. } => 1,
        }
    }

    /// Checks that every number is in its range.
    pub(super) fn check(&self) -> Result<()> {
        let within = |name: &str, value: f64, low: f64, high: f64| {
            if value >= low && value < high {
                return Ok(());
            }
            Err(Error::usage(format!("{name} is {value}, but must be from {low} to below {high}")))
        };
        match *self {
            Optimizer::Adam { learning_rate, beta_1, beta_2, epsilon } => {
                within("learning_rate", learning_rate, 0.0, 1e3)?;
                within("beta_1", beta_1, 0.0, 1.0)?;
                within("beta_2", beta_2, 0.0, 1.0)?;
                within("epsilon", epsilon, 0.0, 1.0)
            }
            Optimizer::Sgd { learning_rate, momentum } => {
                within("learning_rate", learning_rate, 0.0, 1e3)?;
                within("momentum", momentum, 0.0, 1.0)
            }
        }
    }
}
