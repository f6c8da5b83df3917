//! `edges`: the mean squared (or, where `absolute`, absolute) error of pictures, and beside it that of the differences between neighbouring pixels, right and
//! below, times `weight`: what is blurred is wrong twice. In TOML:
//! `{ edges = { weight = 1.0, width = 28, channels = 1 } }`, a row being a picture `[height, width, channels]`.

use serde::{Deserialize, Serialize};

use super::{Loss, LossAt, Objective};
use crate::kernels::{Dispatch, edges, weighted_edges};
use crate::layers::Activation;

/// Squared errors of pixels and of edges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Edges {
    /// What edges weigh beside pixels, from 0.
    pub weight: f32,
    /// Columns of a picture.
    pub width: u32,
    /// Numbers of a pixel.
    pub channels: u32,
    /// Whether errors count by their amounts (mae) instead of their squares (mse).
    pub absolute: bool,
}

impl Default for Edges {
    fn default() -> Self {
        Edges { weight: 1.0, width: 1, channels: 1, absolute: false }
    }
}

impl Loss {
    /// Squared errors of pictures of `width` columns and of their edges, which weigh `weight`.
    pub fn edges(weight: f32, width: u32, channels: u32) -> Loss {
        Loss::Edges(Edges { weight, width, channels, absolute: false })
    }
}

impl Objective for Edges {
    fn name(&self) -> &'static str {
        "edges"
    }

    of_errors! {
        edges, weighted_edges,
        loss: {
            weight: loss.weight,
            width: loss.width,
            channels: loss.channels,
            absolute: loss.absolute as u32,
        }
    }

    fn check(&self) -> Result<(), String> {
        const MOST: u32 = 1 << 15;
        if !(self.weight >= 0.0 && self.weight.is_finite()) {
            return Err(format!("weight is {}, but must be from 0 on", self.weight));
        }
        for (name, length) in [("width", self.width), ("channels", self.channels)] {
            if !(1..=MOST).contains(&length) {
                return Err(format!("{name} is {length}, but must be from 1 to {MOST}"));
            }
        }
        Ok(())
    }
}
