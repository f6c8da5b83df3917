//! How the learning rate moves over a run.

use serde::{Deserialize, Serialize};

/// How the learning rate moves over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
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
    pub(crate) fn factor(self, step: u64, steps: u64) -> f64 {
        let done = ((step.saturating_sub(1)) as f64 / steps.max(1) as f64).min(1.0);
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine => 0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
            Schedule::Cooldown => 0.01 + 0.99 * ((1.0 - done) / 0.3).min(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_those_of_their_formulas() {
        let near = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}")
        };
        assert_eq!(Schedule::Constant.factor(77, 100), 1.0);
        // Half of a cosine: 1 at the start, the mean of 1 and 0.01 in the middle.
        near(Schedule::Cosine.factor(1, 100), 1.0);
        near(Schedule::Cosine.factor(51, 100), 0.505);
        near(Schedule::Cosine.factor(101, 100), 0.01);
        // Flat until 70 % of the run are done, halfway down at 85 %.
        near(Schedule::Cooldown.factor(70, 100), 1.0);
        near(Schedule::Cooldown.factor(71, 100), 1.0);
        near(Schedule::Cooldown.factor(86, 100), 0.505);
        near(Schedule::Cooldown.factor(101, 100), 0.01);
        near(Schedule::Cooldown.factor(500, 100), 0.01);
    }
}
