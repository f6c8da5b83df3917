//! `edges`: the mean squared error of pictures, and beside it that of the differences between neighbouring pixels, right and
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
}

impl Default for Edges {
    fn default() -> Self {
        Edges { weight: 1.0, width: 1, channels: 1 }
    }
}

impl Loss {
    /// Squared errors of pictures of `width` columns and of their edges, which weigh `weight`.
    pub fn edges(weight: f32, width: u32, channels: u32) -> Loss {
        Loss::Edges(Edges { weight, width, channels })
    }
}

impl Objective for Edges {
    fn name(&self) -> &'static str {
        "edges"
    }

    fn goes_with(&self, activation: Activation) -> bool {
        activation != Activation::Softmax
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

    fn is_of_errors(&self) -> bool {
        true
    }

    fn record(&self, at: &LossAt) -> Option<Dispatch> {
        let LossAt { rows, outputs, groups, .. } = *at;
        let LossAt { state, logits, targets, d_logits, history, .. } = *at;
        let (activation, Edges { weight, width, channels }) = (at.activation.code(), *self);
        if let Some(weights) = at.weights {
            return Some(weighted_edges::dispatch(
                weighted_edges::Params { rows, outputs, groups, activation, width, channels, weight },
                weighted_edges::Bindings { state, logits, targets, weights, d_logits, history },
            ));
        }
        Some(edges::dispatch(
            edges::Params { rows, outputs, groups, activation, width, channels, weight },
            edges::Bindings { state, logits, targets, d_logits, history },
        ))
    }
}
