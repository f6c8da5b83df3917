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

    of_errors! { huber, weighted_huber, loss: { delta: loss.delta } }

    fn check(&self) -> Result<(), String> {
        match self.delta > 0.0 && self.delta.is_finite() {
            true => Ok(()),
            false => Err(format!("delta is {}, but must be above 0", self.delta)),
        }
    }
}
