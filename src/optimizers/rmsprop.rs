//! RMSprop (Tieleman and Hinton 2012), in Keras' form: `s = rho s + (1 - rho) g^2`,
//! `v = momentum v + lr g / sqrt(s + epsilon)`, `p -= v`.

use serde::{Deserialize, Serialize};

use super::{Optimizer, Rule, Update, within};
use crate::error::Result;
use crate::kernels::{Dispatch, rmsprop};

/// Gradients divided by the root of their recent squares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RmsProp {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the squares.
    pub rho: f64,
    /// Decay of the velocity; 0 for none.
    pub momentum: f64,
    /// Added to the squares.
    pub epsilon: f64,
}

impl Default for RmsProp {
    fn default() -> Self {
        RmsProp { learning_rate: 1e-3, rho: 0.9, momentum: 0.0, epsilon: 1e-7 }
    }
}

impl Optimizer {
    /// RMSprop with this learning rate and momentum, and Keras' other defaults.
    pub fn rmsprop(learning_rate: f64, momentum: f64) -> Optimizer {
        RmsProp { learning_rate, momentum, ..RmsProp::default() }.into()
    }
}

impl Rule for RmsProp {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn with_learning_rate(&self, learning_rate: f64) -> Optimizer {
        RmsProp { learning_rate, ..*self }.into()
    }

    fn moments(&self) -> usize {
        2
    }

    fn check(&self) -> Result<()> {
        within("rho", self.rho, 0.0, 1.0)?;
        within("momentum", self.momentum, 0.0, 1.0)?;
        within("epsilon", self.epsilon, 1e-12, 1.0)
    }

    fn record(&self, update: &Update, to: &mut Vec<Dispatch>) {
        let &[squares, velocities] = &update.moments[..] else { return };
        let params = rmsprop::Params {
            count: update.gradients.len as u32,
            rho: self.rho as f32,
            complement: (1.0 - self.rho) as f32,
            momentum: self.momentum as f32,
            epsilon: self.epsilon as f32,
        };
        let bindings = rmsprop::Bindings {
            state: update.state,
            schedule: update.schedule,
            gradients: update.gradients,
            weights: update.weights,
            squares,
            velocities,
        };
        to.push(rmsprop::dispatch(params, bindings));
    }
}
