//! `huber` (1964): with e = p - y, p the activated output, the mean over rows and outputs of e^2 / 2 where |e| <= delta,
//! and of delta (|e| - delta / 2) beyond: rows that are far off pull no harder than those that are delta off.
//! In TOML: `{ huber = { delta = 1.0 } }`.

use serde::{Deserialize, Serialize};

use super::{Loss, LossAt, Objective};
use crate::kernels::{Dispatch, huber, weighted_huber};
use crate::layers::Activation;

/// A square that turns into a line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Huber {
    /// Where it turns, above 0, in the unit of the targets.
    pub delta: f32,
}

impl Default for Huber {
    fn default() -> Self {
        Huber { delta: 1.0 }
    }
}

impl Loss {
    /// Huber's loss that turns into a line at `delta`.
    pub fn huber(delta: f32) -> Loss {
        Loss::Huber(Huber { delta })
    }
}

impl Objective for Huber {
    fn name(&self) -> &'static str {
        "huber"
    }

    fn goes_with(&self, activation: Activation) -> bool {
        activation != Activation::Softmax
    }

    fn check(&self) -> Result<(), String> {
        match self.delta > 0.0 && self.delta.is_finite() {
            true => Ok(()),
            false => Err(format!("delta is {}, but must be above 0", self.delta)),
        }
    }

    fn is_of_errors(&self) -> bool {
        true
    }

    fn record(&self, at: &LossAt) -> Option<Dispatch> {
        let LossAt { rows, outputs, groups, .. } = *at;
        let LossAt { state, logits, targets, d_logits, history, .. } = *at;
        let (activation, delta) = (at.activation.code(), self.delta);
        if let Some(weights) = at.weights {
            return Some(weighted_huber::dispatch(
                weighted_huber::Params { rows, outputs, groups, activation, delta },
                weighted_huber::Bindings { state, logits, targets, weights, d_logits, history },
            ));
        }
        Some(huber::dispatch(
            huber::Params { rows, outputs, groups, activation, delta },
            huber::Bindings { state, logits, targets, d_logits, history },
        ))
    }
}
