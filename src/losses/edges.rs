//! `edges`: the mean squared (or, where `absolute`, absolute) error of pictures, and beside it that of the differences
//! between neighbouring pixels, right and below, times `weight`: what is blurred is wrong twice. In TOML:
//! `{ edges = { weight = 1.0, width = 28, channels = 1 } }`, a row being a picture `[height, width, channels]`.

use serde::{Deserialize, Serialize};

use super::{Loss, LossAt, Objective, check_pictures};
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

    fn of_amounts(&self) -> Option<Loss> {
        Some(Loss::Edges(Edges { absolute: true, ..*self }))
    }

    fn of_width(&self, width: u32) -> Option<Loss> {
        Some(Loss::Edges(Edges { width, ..*self }))
    }

    fn check(&self) -> Result<(), String> {
        check_pictures(self.weight, [self.width, 1], self.channels)
    }
}
