//! Optimizers, one file each: hyperparameters with Keras' defaults and ranges, the step size of every step,
//! and the kernels that move weights by their gradients.
//!
//! A new optimizer is a file like `sgd.rs` and a line in the list below. `schedule.rs` moves the learning rate.

mod clip;
mod schedule;

use serde::{Deserialize, Serialize};

pub use clip::Clip;
pub(crate) use clip::Clipping;
pub use schedule::Schedule;

use crate::error::{Error, Result};
use crate::kernels::{Dispatch, Span};

/// What an optimizer says of itself.
pub(crate) trait Rule {
    /// Step size, before a schedule's factor.
    fn learning_rate(&self) -> f64;

    /// The same with another step size.
    fn with_learning_rate(&self, learning_rate: f64) -> Optimizer;

    /// Arrays that it keeps beside the weights, each as large as they: the first and second of
    /// [`Update::moments`].
    fn moments(&self) -> usize;

    /// The number that the kernel reads from [`Update::schedule`] at step `step`, from 1; the learning rate
    /// itself unless a formula of the step number goes with it. In f64 on the host, rounded once.
    fn step_size(&self, learning_rate: f64, _step: u64) -> f64 {
        learning_rate
    }

    /// Whether its kernels read the learning rate itself beside [`Rule::step_size`].
    fn reads_rates(&self) -> bool {
        false
    }

    /// Checks that every number but the learning rate is in its range.
    fn check(&self) -> Result<()>;

    /// Records the update of an arena's weights.
    fn record(&self, update: &Update, to: &mut Vec<Dispatch>);

    /// Which rows of a table a step updates: all, unless it can do with those that its batch names.
    fn rows(&self) -> Rows {
        Rows::All
    }

    /// Records the update of a table's rows that a batch names; called where [`Rule::rows`] are not all.
    fn record_rows(&self, _update: &RowUpdate, _to: &mut Vec<Dispatch>) {}

    /// As `small_steps` knows it, if that kernel does.
    fn as_small(&self) -> Option<SmallRule> {
        None
    }
}

/// An arena's weights with what an update reads. All arrays are as long, a multiple of four.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub state: Span,
    /// `[slots]`: [`Rule::step_size`] of each step.
    pub schedule: Span,
    /// `[slots]`: the learning rate of each step, where [`Rule::reads_rates`].
    pub rates: Span,
    pub gradients: Span,
    pub weights: Span,
    pub moments: Vec<Span>,
    /// The parts of the weights that weight decay is for: kernels and tables, not biases and normalisation.
    pub decayed: Vec<Decayed>,
}

/// A range of an update's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decayed {
    pub start: usize,
    pub len: usize,
}

/// Adam's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ExactAdam {
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
}

/// Which rows of a table a step updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rows {
    /// All of them.
    All,
    /// Those that its batch names. The others have missed a step of Adam, which is replayed when they come up.
    Replayed(ExactAdam),
    /// Those that its batch names. The others would stay as they are.
    Named,
}

/// Some rows of a table with what an update of those reads that a batch names.
#[derive(Clone, Debug)]
pub(crate) struct RowUpdate {
    /// Ids in the batch.
    pub positions: u32,
    pub units: u32,
    /// First row of the table that `weights` and `moments` hold, and how many they hold.
    pub first: u32,
    pub rows: u32,
    pub state: Span,
    /// `[slots]`: [`Rule::step_size`] of each step.
    pub schedule: Span,
    /// `[positions]`, ascending.
    pub sorted_ids: Span,
    /// `[positions, units]`: each run's gradient at the place of its first id.
    pub gradients: Span,
    /// `[rows, units]`
    pub weights: Span,
    pub moments: Vec<Span>,
}

/// An optimizer of `kernels/small_steps.rs`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SmallRule {
    Adam(ExactAdam),
    Sgd { momentum: f64 },
}

/// Declares the list of optimizers: one module and one variant each.
macro_rules! optimizers {
    ($($(#[$attribute:meta])* $name:ident: $module:ident,)*) => {
        $(
            mod $module;
            pub use $module::$name;

            impl From<$name> for Optimizer {
                fn from(optimizer: $name) -> Optimizer {
                    Optimizer::$name(optimizer)
                }
            }
        )*

        /// What turns gradients into new weights. In TOML: `{ adam = { learning_rate = 1e-3 } }`.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[non_exhaustive]
        pub enum Optimizer {
            $(
                #[doc = concat!("See [`", stringify!($name), "`].")]
                $(#[$attribute])*
                $name($name),
            )*
        }

        impl Optimizer {
            fn rule(&self) -> &dyn Rule {
                match self {
                    $(Optimizer::$name(optimizer) => optimizer,)*
                }
            }
        }
    };
}

optimizers! {
    Adagrad: adagrad,
    Adam: adam,
    AdamW: adamw,
    RmsProp: rmsprop,
    Sgd: sgd,
}

impl Default for Optimizer {
    fn default() -> Self {
        Adam::default().into()
    }
}

impl Optimizer {
    /// Step size, before a schedule's factor.
    pub fn learning_rate(&self) -> f64 {
        self.rule().learning_rate()
    }

    /// The same with another step size.
    pub fn with_learning_rate(self, learning_rate: f64) -> Optimizer {
        self.rule().with_learning_rate(learning_rate)
    }

    /// The same with `factor` times the learning rate.
    pub(crate) fn scaled(self, factor: f64) -> Optimizer {
        self.with_learning_rate(self.learning_rate() * factor)
    }

    /// Arrays of moments that it keeps beside the weights.
    pub(crate) fn moments(&self) -> usize {
        self.rule().moments()
    }

    /// What the kernel reads at a learning rate, at step `step` from 1.
    pub(crate) fn step_size(&self, learning_rate: f64, step: u64) -> f64 {
        self.rule().step_size(learning_rate, step)
    }

    /// Whether the learning rate of each step goes to the device too.
    pub(crate) fn reads_rates(&self) -> bool {
        self.rule().reads_rates()
    }

    /// Checks that every number is in its range.
    ///
    /// # Errors
    /// [`Error::Usage`] names the number, its value and its range.
    pub fn check(&self) -> Result<()> {
        within("learning_rate", self.learning_rate(), 0.0, 1e3)?;
        self.rule().check()
    }

    pub(crate) fn record(&self, update: &Update, to: &mut Vec<Dispatch>) {
        self.rule().record(update, to);
    }

    pub(crate) fn rows(&self) -> Rows {
        self.rule().rows()
    }

    pub(crate) fn record_rows(&self, update: &RowUpdate, to: &mut Vec<Dispatch>) {
        self.rule().record_rows(update, to);
    }

    pub(crate) fn as_small(&self) -> Option<SmallRule> {
        self.rule().as_small()
    }
}

/// Refuses a hyperparameter outside `[low, high)`.
fn within(name: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if value >= low && value < high {
        return Ok(());
    }
    let [value, low] = [value, low].map(shown);
    Err(Error::usage(format!("{name} is {value}, but must be from {low} to below {high}")))
}

/// A number of a message, with an exponent where it would be a long row of zeros.
fn shown(value: f64) -> String {
    match value {
        0.0 => "0".into(),
        _ if value.abs() < 1e-4 => format!("{value:e}"),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run makes of each: whether the device reads its rates, whether one workgroup can do its steps, which
    /// rows a step moves, and its arrays of moments.
    #[test]
    fn each_optimizer_says_what_it_needs() {
        let of = |text: &str| -> Optimizer { serde_json::from_str(text).expect(text) };
        let cases = [
            (r#"{"adagrad": {}}"#, false, false, "named", 1),
            (r#"{"adam": {}}"#, false, true, "replayed", 2),
            (r#"{"adamw": {}}"#, true, false, "all", 2),
            (r#"{"rmsprop": {}}"#, false, false, "all", 2),
            (r#"{"sgd": {}}"#, false, true, "all", 1),
        ];
        for (text, reads_rates, is_small, rows, moments) in cases {
            let optimizer = of(text);
            assert_eq!(optimizer.reads_rates(), reads_rates, "{text}");
            assert_eq!(optimizer.as_small().is_some(), is_small, "{text}");
            let found = match optimizer.rows() {
                Rows::Named => "named",
                Rows::Replayed(_) => "replayed",
                Rows::All => "all",
            };
            assert_eq!(found, rows, "{text}");
            assert_eq!(optimizer.moments(), moments, "{text}");
        }
    }

    #[test]
    fn numbers_are_held_to_their_ranges() {
        for (value, good) in
            [(0.0, true), (0.99, true), (1.0, false), (-1e-9, false), (f64::NAN, false)]
        {
            let found = within("momentum", value, 0.0, 1.0);
            assert_eq!(found.is_ok(), good, "{value}");
            assert!(found.err().is_none_or(|error| error.to_string().contains("momentum")));
        }
        let refused = within("epsilon", 1e-30, 1e-20, 1.0).expect_err("an epsilon of nothing");
        assert_eq!(refused.to_string(), "epsilon is 1e-30, but must be from 1e-20 to below 1");
    }
}
