//! `ssim`: the mean squared (or, where `absolute`, absolute) error of pictures, and beside it what their structural similarity
//! (Wang, Bovik, Sheikh and Simoncelli 2004; windows of 7 x 7, as scikit-image's and `report::ssim`'s) lacks to 1, times `weight`.
//! Zhao, Gallo, Frosio and Kautz 2017 compare such sums. In TOML:
//! `{ ssim = { weight = 1.0, width = 28, channels = 1, range = 1.0 } }`, a row being a picture `[height, width, channels]`.

use serde::{Deserialize, Serialize};

use super::{Loss, LossAt, Objective, check_pictures};
use crate::kernels::{Dispatch, ssim, ssim_windows, weighted_ssim};
use crate::layers::Activation;

/// Errors of pixels and structural similarity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Ssim {
    /// What similarity weighs beside pixels, from 0.
    pub weight: f32,
    /// Columns of a picture, at least 7.
    pub width: u32,
    /// Numbers of a pixel.
    pub channels: u32,
    /// From the darkest to the brightest that a number may be.
    pub range: f32,
    /// Whether a pixel's error counts by its amount (mae) instead of its square (mse).
    pub absolute: bool,
}

impl Default for Ssim {
    fn default() -> Self {
        Ssim { weight: 1.0, width: Ssim::WINDOW as u32, channels: 1, range: 1.0, absolute: false }
    }
}

impl Ssim {
    /// Side of a window, in pixels.
    pub(crate) const WINDOW: usize = ssim_windows::WINDOW;
}

impl Loss {
    /// Squared errors of pictures of `width` columns, with values from 0 to 1, and what their structural similarity lacks to 1, which
    /// weighs `weight`.
    pub fn ssim(weight: f32, width: u32, channels: u32) -> Loss {
        Loss::Ssim(Ssim { weight, width, channels, ..Ssim::default() })
    }
}

impl Objective for Ssim {
    fn name(&self) -> &'static str {
        "ssim"
    }

    of_errors! {
        ssim, weighted_ssim,
        loss: {
            weight: loss.weight,
            width: loss.width,
            channels: loss.channels,
            absolute: loss.absolute as u32,
        }
        beside: windows
    }

    fn beside(&self) -> usize {
        ssim_windows::NUMBERS
    }

    fn before(&self, at: &LossAt) -> Option<Dispatch> {
        let &LossAt { rows, outputs, logits, targets, beside, .. } = at;
        let &Ssim { width, channels, range, .. } = self;
        let activation = at.activation.code();
        Some(ssim_windows::dispatch(
            ssim_windows::Params { rows, outputs, activation, width, channels, range },
            ssim_windows::Bindings { logits, targets, windows: beside },
        ))
    }

    fn of_amounts(&self) -> Option<Loss> {
        Some(Loss::Ssim(Ssim { absolute: true, ..*self }))
    }

    fn of_width(&self, width: u32) -> Option<Loss> {
        Some(Loss::Ssim(Ssim { width, ..*self }))
    }

    fn check(&self) -> Result<(), String> {
        if !(self.range > 0.0 && self.range.is_finite()) {
            return Err(format!("range is {}, but must be above 0", self.range));
        }
        check_pictures(self.weight, [self.width, Ssim::WINDOW as u32], self.channels)
    }

    fn check_outputs(&self, outputs: usize) -> Result<(), String> {
        let line = self.width as usize * self.channels as usize;
        if !outputs.is_multiple_of(line) || outputs / line < Ssim::WINDOW {
            return Err(format!(
                "{outputs} outputs are no picture {} wide with {} numbers a pixel and at least {} lines",
                self.width,
                self.channels,
                Ssim::WINDOW
            ));
        }
        Ok(())
    }
}
