//! Gradients clipped before the optimizer takes them: by their global norm (Pascanu et al. 2013), as Keras'
//! `global_clipnorm`, or by value, as its `clipvalue`. Every sum has a fixed order.

use serde::{Deserialize, Serialize};

use super::within;
use crate::error::Result;
use crate::kernels::{Dispatch, Element, Span, clip_scale, clip_value, scale_by, sum_squares};
use crate::program::Program;

/// How gradients are clipped. In TOML: `{ norm = 1.0 }` or `{ value = 0.5 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Clip {
    /// All gradients together are scaled so that the root of the sum of their squares is at most this. Every
    /// gradient is kept until all are known, so that large models take more memory.
    Norm(f64),
    /// Each element is cut to at most this, above and below 0.
    Value(f64),
}

impl Clip {
    /// Checks that the limit is above 0 and finite.
    ///
    /// # Errors
    /// [`crate::Error::Usage`] names the limit and its range.
    pub fn check(&self) -> Result<()> {
        match *self {
            Clip::Norm(limit) => within("the clipping norm", limit, f64::MIN_POSITIVE, 1e30),
            Clip::Value(limit) => within("the clipping value", limit, f64::MIN_POSITIVE, 1e30),
        }
    }
}

/// Clipping with the buffers that it needs.
#[derive(Debug)]
pub(crate) struct Clipping {
    clip: Clip,
    /// Sums of squares of stretches of all gradients.
    partials: Span,
    /// `[1]`: what all gradients are multiplied by.
    scale: Span,
}

impl Clipping {
    /// For gradients of these lengths.
    pub fn new(clip: Clip, program: &mut Program, lengths: &[usize]) -> Clipping {
        let partials = lengths.iter().map(|&len| sum_squares::partials(len)).sum();
        Clipping {
            clip,
            partials: program.buffer("squares of gradients", Element::F32, partials),
            scale: program.buffer("scale of gradients", Element::F32, 1),
        }
    }

    /// Records what needs all gradients.
    pub fn record_whole(&self, gradients: &[Span], to: &mut Vec<Dispatch>) {
        let Clip::Norm(limit) = self.clip else { return };
        let (partials, scale) = (self.partials, self.scale);
        let mut first = 0;
        for &gradients in gradients {
            let params = sum_squares::Params { count: gradients.len as u32, first: first as u32 };
            let bindings = sum_squares::Bindings { gradients, partials };
            to.push(sum_squares::dispatch(params, bindings));
            first += sum_squares::partials(gradients.len);
        }
        let params = clip_scale::Params { partials: first as u32, limit: limit as f32 };
        to.push(clip_scale::dispatch(params, clip_scale::Bindings { sums: partials, scale }));
        for &gradients in gradients {
            let params = scale_by::Params { count: gradients.len as u32 };
            to.push(scale_by::dispatch(params, scale_by::Bindings { scale, gradients }));
        }
    }

    /// Records what is done to gradients by themselves.
    pub fn record_part(&self, gradients: Span, to: &mut Vec<Dispatch>) {
        let Clip::Value(limit) = self.clip else { return };
        let params = clip_value::Params { count: gradients.len as u32, limit: limit as f32 };
        to.push(clip_value::dispatch(params, clip_value::Bindings { gradients }));
    }
}
