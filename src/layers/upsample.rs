//! `upsample`: pictures enlarged by whole factors, as Keras' `UpSampling2D`: `{ upsample = { size = 2 } }`, or `{ size = [2, 3],
//! interpolation = "bilinear" }`. `nearest` repeats rows and columns; `bilinear` interpolates between the pixels' centres,
//! which lie at halves, and has no slope beyond the outermost.

use serde::{Deserialize, Serialize};

use super::reach::Reach;
use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Step};
use super::{Describe, Layer, Pair, Shape, values};
use crate::kernels::{
    self, Span, upsample_bilinear, upsample_bilinear_gradient, upsample_nearest,
    upsample_nearest_gradient,
};

/// What lies between the pixels of an enlarged picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Interpolation {
    /// The nearest pixel.
    #[default]
    Nearest,
    /// A line from each to the next, along both axes.
    Bilinear,
}

/// Pictures enlarged by whole factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Upsample {
    /// Factors of height and width.
    pub size: Pair,
    /// What lies between the pixels.
    pub interpolation: Interpolation,
}

impl Default for Upsample {
    fn default() -> Self {
        Upsample { size: Pair::Both(2), interpolation: Interpolation::Nearest }
    }
}

impl Layer {
    /// Pictures enlarged by `size` along the height and the width.
    pub fn upsample(size: impl Into<Pair>, interpolation: Interpolation) -> Layer {
        Upsample { size: size.into(), interpolation }.into()
    }
}

impl Describe for Upsample {
    fn kind(&self) -> &'static str {
        "upsample"
    }

    fn title(&self) -> &'static str {
        "UpSampling2D"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = values(inputs[0])?;
        let &[height, width, channels] = shape.axes() else {
            return Err(format!(
                "it reads pictures (None, height, width, channels), but the data are {shape}; put a reshape before it"
            ));
        };
        let [tall, wide] = self.size.get();
        if !(1..=64).contains(&tall) || !(1..=64).contains(&wide) {
            return Err(format!("size is {tall} and {wide}, but must be from 1 to 64"));
        }
        match (height.checked_mul(tall), width.checked_mul(wide)) {
            (Some(height), Some(width)) => Ok(Shape::picture(height, width, channels)),
            _ => Err(format!("pictures of {shape} are too large to be enlarged")),
        }
    }

    fn reach(&self) -> Reach {
        // Between two pixels lie those of both.
        let pixels = match self.interpolation {
            Interpolation::Nearest => 1,
            Interpolation::Bilinear => 2,
        };
        let strides = self.size.get();
        Reach::Spread { extent: strides.map(|length| pixels * length), strides }
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        // The layers were checked.
        let Ok(shape) = self.output(&[to.shape(inputs[0])]) else { return inputs[0] };
        to.operation(Enlarge(*self), inputs, shape)
    }
}

/// Pictures enlarged.
#[derive(Debug)]
struct Enlarge(Upsample);

/// The parameters of any of the four kernels.
macro_rules! params {
    ($kernel:ident, $size:expr, $step:expr, $shape:expr $(, $more:ident)?) => {{
        let (axes, [tall, wide]) = ($shape.axes(), $size.get());
        $kernel::Params {
            rows: $step.rows as u32,
            height: axes[0] as u32,
            width: axes[1] as u32,
            channels: axes[2] as u32,
            size_height: tall as u32,
            size_width: wide as u32,
            $($more,)?
        }
    }};
}

impl Operation for Enlarge {
    fn is_cheap(&self) -> bool {
        true
    }

    fn reads_inputs_backward(&self) -> bool {
        self.0.interpolation == Interpolation::Bilinear
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let (seen, size, output) = (at.inputs[0], self.0.size, at.output);
        let input = seen.span;
        match self.0.interpolation {
            Interpolation::Nearest => {
                let params = params!(upsample_nearest, size, step, seen.shape);
                let bindings = upsample_nearest::Bindings { input, output };
                step.push(upsample_nearest::dispatch(params, bindings));
                // Values of the same activation, whose gradient is that of what was activated.
                seen.activation
            }
            Interpolation::Bilinear => {
                let params = params!(upsample_bilinear, size, step, seen.shape);
                let bindings = upsample_bilinear::Bindings { input, output };
                step.push(upsample_bilinear::dispatch(params, bindings));
                kernels::Activation::Linear
            }
        }
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let (seen, size, Some(d_input)) = (at.inputs[0], self.0.size, d_inputs[0]) else { return };
        match self.0.interpolation {
            Interpolation::Nearest => {
                let params = params!(upsample_nearest_gradient, size, step, seen.shape);
                let bindings = upsample_nearest_gradient::Bindings { d_output, d_input };
                step.push(upsample_nearest_gradient::dispatch(params, bindings));
            }
            Interpolation::Bilinear => {
                let (input, activation) = (seen.span, seen.activation.code());
                let params = params!(upsample_bilinear_gradient, size, step, seen.shape, activation);
                let bindings = upsample_bilinear_gradient::Bindings { input, d_output, d_input };
                step.push(upsample_bilinear_gradient::dispatch(params, bindings));
            }
        }
    }
}
