//! Losses, one file each: which output and targets go with it, and the kernel that gives loss and gradient.
//!
//! A new loss is a file like `mse.rs`, its kernel, and a line in the list below.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernels::{self, Dispatch, Span, small_steps};
use crate::layers::Activation;

/// What a loss says of itself.
///
/// Its kernel reads logits (nothing has activated them), and computes in one pass the loss, in its stable
/// form, and the gradient with respect to the logits, divided by what the loss is a mean over. It must end by
/// `record` (`shaders/shared/history.wgsl`), which writes a sum of losses and a count of right answers for each of its
/// groups into `history[slot, group]` and takes the batch's rows: without it, every step takes the same batch.
/// `tests/losses.rs` holds every loss to that.
pub(crate) trait Objective {
    /// Its name in files.
    fn name(&self) -> &'static str;

    /// Whether it goes with an output of this activation.
    fn goes_with(&self, activation: Activation) -> bool;

    /// Checks its own parameters.
    fn check(&self) -> std::result::Result<(), String> {
        Ok(())
    }

    /// Whether it is a mean of errors, so that regression's figures go with it.
    fn is_of_errors(&self) -> bool {
        false
    }

    /// Whether an accuracy goes with it.
    fn has_accuracy(&self) -> bool {
        false
    }

    /// Whether a target may be the number of a class, one for a row.
    fn takes_classes(&self) -> bool {
        false
    }

    /// How its targets are smoothed, where they can be.
    fn smoothing(&self) -> Option<Smoothing> {
        None
    }

    /// Says what is wrong with a target, other than a class's number.
    fn refuses(&self, _target: f32) -> Option<&'static str> {
        None
    }

    /// Elements of a row that the loss is a mean over.
    fn elements(&self, outputs: usize) -> usize {
        outputs
    }

    /// Groups of a history slot, for a batch of `rows`.
    fn groups(&self, rows: usize, outputs: usize) -> usize {
        kernels::binary_crossentropy::groups(rows * outputs)
    }

    /// Checks its parameters against the outputs of a row.
    fn check_outputs(&self, _outputs: usize) -> std::result::Result<(), String> {
        Ok(())
    }

    /// The same of pictures in which errors count by their amounts instead of their squares; none for other losses.
    fn of_amounts(&self) -> Option<Loss> {
        None
    }

    /// The same of pictures of so many columns; none for a loss that knows no columns.
    fn of_width(&self, _width: u32) -> Option<Loss> {
        None
    }

    /// Numbers that it keeps between its launches, for each output ([`LossAt::beside`]).
    fn beside(&self) -> usize {
        0
    }

    /// A launch in front of [`Objective::record`]'s.
    fn before(&self, _at: &LossAt) -> Option<Dispatch> {
        None
    }

    /// The kernel's launch; none for a loss whose models have a program of their own.
    fn record(&self, at: &LossAt) -> Option<Dispatch>;

    /// Where the weights of rows go.
    fn weighting(&self) -> Weighting {
        Weighting::Kernel
    }

    /// As `small_steps` knows it, if that kernel does.
    fn as_small(&self) -> Option<small_steps::Loss> {
        None
    }
}

/// How a loss is weighted by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weighting {
    /// Its kernel takes them ([`LossAt::weights`]).
    Kernel,
    /// It is linear in its targets, which are multiplied by them.
    Targets,
}

/// Over what a target's smoothed part is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Smoothing {
    /// The outputs of a row, which are one distribution.
    Row,
    /// 0 and 1 of each output, which is a probability by itself.
    EachOutput,
}

/// Where a loss is recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LossAt {
    pub rows: u32,
    pub outputs: u32,
    pub groups: u32,
    /// Whether a target is the number of a class.
    pub sparse: bool,
    /// What the loss's kernel applies to the logits, where it does.
    pub activation: kernels::Activation,
    pub state: Span,
    /// `[rows, outputs]`
    pub logits: Span,
    /// `[rows, outputs]`, or `[rows]` class numbers.
    pub targets: Span,
    /// `[rows]`: what each row's loss is multiplied by, where rows have weights.
    pub weights: Option<Span>,
    /// `[rows, outputs]`
    pub d_logits: Span,
    /// `[slots, groups, 2]`
    pub history: Span,
    /// `[rows, outputs, Objective::beside]`
    pub beside: Span,
}

/// What the losses of errors of answers say alike, within `impl Objective`: they go with any activation but softmax, and their
/// two kernels, without weights and with, have the parameters `$field` beside the batch's, of the loss `$loss`, and read
/// [`LossAt::beside`] as `$beside`.
macro_rules! of_errors {
    (
        $kernel:ident, $weighted:ident
        $(, $loss:ident: { $($field:ident: $value:expr),+ $(,)? })?
        $(beside: $beside:ident)?
    ) => {
        fn goes_with(&self, activation: Activation) -> bool {
            activation != Activation::Softmax
        }

        fn is_of_errors(&self) -> bool {
            true
        }

        fn record(&self, at: &LossAt) -> Option<Dispatch> {
            let LossAt { rows, outputs, groups, state, logits, targets, d_logits, history, .. } = *at;
            let activation = at.activation.code();
            $(let $beside = at.beside;)?
            $(
                let $loss = self;
                $(let $field = $value;)+
            )?
            if let Some(weights) = at.weights {
                return Some($weighted::dispatch(
                    $weighted::Params { rows, outputs, groups, activation $($(, $field)+)? },
                    $weighted::Bindings {
                        state, logits, targets, weights, $($beside,)? d_logits, history,
                    },
                ));
            }
            Some($kernel::dispatch(
                $kernel::Params { rows, outputs, groups, activation $($(, $field)+)? },
                $kernel::Bindings { state, logits, targets, $($beside,)? d_logits, history },
            ))
        }
    };
}

/// Checks what a term of pictures weighs, and their columns, at least so many, and numbers a pixel.
fn check_pictures(
    weight: f32,
    [width, least]: [u32; 2],
    channels: u32,
) -> std::result::Result<(), String> {
    const MOST: u32 = 1 << 15;
    if !(weight >= 0.0 && weight.is_finite()) {
        return Err(format!("weight is {weight}, but must be from 0 on"));
    }
    for (name, length, least) in [("width", width, least), ("channels", channels, 1)] {
        if !(least..=MOST).contains(&length) {
            return Err(format!("{name} is {length}, but must be from {least} to {MOST}"));
        }
    }
    Ok(())
}

/// Declares the list of losses: one module and one variant each.
macro_rules! losses {
    (plain: [$($name:ident: $module:ident),* $(,)?], with_parameters: [$($own:ident: $own_module:ident),* $(,)?]) => {
        $(mod $module;)*
        $(
            mod $own_module;
            pub use $own_module::$own;
        )*

        /// What training makes small. In TOML: `"mse"`, `{ huber = { delta = 1.0 } }`.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Loss {
            $(
                #[doc = concat!("See `losses/", stringify!($module), ".rs`.")]
                $name,
            )*
            $(
                #[doc = concat!("See [`", stringify!($own), "`].")]
                $own($own),
            )*
        }

        impl Loss {
            /// One of each, with default parameters.
            pub(crate) fn all() -> Vec<Loss> {
                vec![$(Loss::$name,)* $(Loss::$own($own::default()),)*]
            }

            pub(crate) fn objective(&self) -> &dyn Objective {
                match self {
                    $(Loss::$name => &$module::$name,)*
                    $(Loss::$own(loss) => loss,)*
                }
            }
        }
    };
}

losses! {
    plain: [
        BinaryCrossentropy: binary_crossentropy,
        CategoricalCrossentropy: categorical_crossentropy,
        Mae: mae,
        Mse: mse,
        NegativeSampling: negative_sampling,
    ],
    with_parameters: [Edges: edges, Huber: huber, Ssim: ssim]
}

impl Loss {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        self.objective().name()
    }

    /// The loss that goes with an output when none is named.
    pub fn for_activation(activation: Activation) -> Loss {
        match activation {
            Activation::Sigmoid => Loss::BinaryCrossentropy,
            Activation::Softmax => Loss::CategoricalCrossentropy,
            _ => Loss::Mse,
        }
    }

    /// The same of pictures, in which errors of pixels (and of edges) count by their amounts instead of their squares; other losses
    /// stay what they are.
    pub fn of_amounts(self) -> Loss {
        self.objective().of_amounts().unwrap_or(self)
    }

    /// The same of pictures of so many columns; losses that know none stay what they are.
    pub(crate) fn of_width(self, width: usize) -> Loss {
        self.objective().of_width(width as u32).unwrap_or(self)
    }

    /// Whether an accuracy goes with it.
    pub fn has_accuracy(self) -> bool {
        self.objective().has_accuracy()
    }

    /// Checks that the loss goes with the output's activation, and with so many outputs.
    pub(crate) fn check(self, activation: Activation, outputs: usize) -> Result<()> {
        let wrong = |message| Error::Model(format!("the loss {}: {message}", self.name()));
        self.objective().check().map_err(wrong)?;
        self.objective().check_outputs(outputs).map_err(wrong)?;
        if self.objective().goes_with(activation) {
            return Ok(());
        }
        let goes = Loss::all().into_iter().filter(|loss| loss.objective().goes_with(activation));
        let goes: Vec<&str> = goes.map(Loss::name).collect();
        Err(Error::Model(format!(
            "the loss {} does not go with an output of {activation:?}: take one of {}, or another activation in the last layer (sigmoid for binary_crossentropy, softmax for categorical_crossentropy)",
            self.name(),
            goes.join(", ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loss_says_what_goes_with_it() {
        for loss in Loss::all() {
            let (own, name) = (loss.objective(), loss.name());
            let of_errors = ["mae", "mse", "huber", "edges", "ssim"].contains(&name);
            assert_eq!(own.is_of_errors(), of_errors, "{name}");
            assert_eq!(own.has_accuracy(), name.ends_with("crossentropy"), "{name}");
            assert_eq!(loss.has_accuracy(), own.has_accuracy(), "{name}");
            assert_eq!(own.takes_classes(), name == "categorical_crossentropy", "{name}");
            assert_eq!(own.smoothing().is_some(), name.ends_with("crossentropy"), "{name}");
            let elements = if name == "categorical_crossentropy" { 1 } else { 7 };
            assert!(name == "negative_sampling" || own.elements(7) == elements, "{name}");
            assert_eq!(own.beside() > 0, name == "ssim", "{name}");
        }
    }

    /// 4,096 elements of a mean to a workgroup, and a row of classes to one.
    #[test]
    fn a_loss_is_summed_by_as_many_workgroups_as_pay() {
        let of = |loss: Loss, rows: usize, outputs: usize| loss.objective().groups(rows, outputs);
        for loss in [Loss::Mse, Loss::Mae, Loss::BinaryCrossentropy] {
            assert_eq!(of(loss, 256, 784), 49);
            assert_eq!([of(loss, 1, 1), of(loss, 3, 4096), of(loss, 1 << 20, 8)], [1, 3, 64]);
        }
    }

    #[test]
    fn terms_of_pictures_are_held_to_their_ranges() {
        let wide = 1 << 15;
        for loss in [Loss::edges, Loss::ssim] {
            let check = |weight, width, channels| loss(weight, width, channels).objective().check();
            assert!(check(0.0, 11, 1).is_ok() && check(2.5, wide, wide).is_ok());
            for (weight, width, channels) in [
                (-0.1, 11, 1),
                (f32::NAN, 11, 1),
                (f32::INFINITY, 11, 1),
                (1.0, 0, 1),
                (1.0, wide + 1, 1),
                (1.0, 11, 0),
                (1.0, 11, wide + 1),
            ] {
                assert!(check(weight, width, channels).is_err(), "{weight} {width} {channels}");
            }
        }
    }
}
