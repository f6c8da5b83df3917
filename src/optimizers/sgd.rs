//! Gradient descent with momentum, in Keras' form: `v = momentum v - lr g`, `p += v`.

use serde::{Deserialize, Serialize};

use super::{Optimizer, Rule, SmallRule, Update, within};
use crate::error::Result;
use crate::kernels::{Dispatch, sgd};

/// Gradient descent with momentum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the velocity; 0 is plain descent.
    pub momentum: f64,
}

impl Default for Sgd {
    fn default() -> Self {
        Sgd { learning_rate: 1e-2, momentum: 0.0 }
    }
}

impl Optimizer {
    /// Gradient descent with this learning rate and momentum.
    pub fn sgd(learning_rate: f64, momentum: f64) -> Optimizer {
        Sgd { learning_rate, momentum }.into()
    }
}

impl Rule for Sgd {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn with_learning_rate(&self, learning_rate: f64) -> Optimizer {
        Sgd { learning_rate, ..*self }.into()
    }

    fn moments(&self) -> usize {
        1
    }

    fn check(&self) -> Result<()> {
        within("momentum", self.momentum, 0.0, 1.0)
    }

    fn record(&self, update: &Update, to: &mut Vec<Dispatch>) {
        let &[velocities] = &update.moments[..] else { return };
        let params =
            sgd::Params { count: update.gradients.len as u32, momentum: self.momentum as f32 };
        let bindings = sgd::Bindings {
            state: update.state,
            schedule: update.schedule,
            gradients: update.gradients,
            weights: update.weights,
            velocities,
        };
        to.push(sgd::dispatch(params, bindings));
    }

    fn as_small(&self) -> Option<SmallRule> {
        Some(SmallRule::Sgd { momentum: self.momentum })
    }
}
