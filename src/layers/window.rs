//! What layers that slide a window over pictures share: its size, its steps, and the padding at the edges, in
//! TensorFlow's sense.

use serde::{Deserialize, Serialize};

use super::Shape;
use crate::kernels::Axis;

/// One number for both axes, or one for the height and one for the width: `2` or `[2, 3]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Pair {
    /// The same along both axes.
    Both(usize),
    /// Along the height, then along the width.
    Each([usize; 2]),
}

impl Pair {
    /// Along the height, then along the width.
    pub fn get(self) -> [usize; 2] {
        match self {
            Pair::Both(n) => [n, n],
            Pair::Each(each) => each,
        }
    }
}

impl From<usize> for Pair {
    fn from(n: usize) -> Pair {
        Pair::Both(n)
    }
}

impl From<[usize; 2]> for Pair {
    fn from(each: [usize; 2]) -> Pair {
        Pair::Each(each)
    }
}

/// What a window sees beyond a picture's edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Padding {
    /// Nothing: windows lie within the picture, and what a last step would leave it with is not seen.
    #[default]
    Valid,
    /// The output has ceil(length / stride) places; the padding is shared by both sides, the odd one behind.
    Same,
}

/// Windows over one axis or both: see [`Windows::over`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// Of what is read: height, width.
    pub input: [usize; 2],
    /// Places of the window: height, width.
    pub output: [usize; 2],
    /// Size of the window.
    pub size: [usize; 2],
    /// Steps between two places.
    pub strides: [usize; 2],
    /// Padding before the first row, before the first column.
    pub before: [usize; 2],
    pub channels: usize,
}

impl Windows {
    /// The places of a window of `size` over pictures of this shape; the error names the setting by `name`.
    pub fn over(
        name: &str,
        shape: Shape,
        size: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
    ) -> Result<Windows, String> {
        let &[height, width, channels] = shape.axes() else {
            return Err(format!(
                "it reads pictures (None, height, width, channels), but the data are {shape}; put a reshape before it"
            ));
        };
        let input = [height, width];
        let (mut output, mut before) = ([0; 2], [0; 2]);
        for axis in 0..2 {
            let (length, size, stride) = (input[axis], size[axis], strides[axis]);
            if size == 0 || stride == 0 || size > LONGEST || stride > LONGEST {
                return Err(format!(
                    "{name} and strides are {size} and {stride} along an axis, but must be from 1 to {LONGEST}"
                ));
            }
            output[axis] = match padding {
                Padding::Valid if size > length => {
                    return Err(format!(
                        "{name} is {size} along an axis of {length}, where no window fits; take padding = \"same\", or a smaller one"
                    ));
                }
                Padding::Valid => (length - size) / stride + 1,
                Padding::Same => {
                    let places = length.div_ceil(stride);
                    before[axis] = ((places - 1) * stride + size).saturating_sub(length) / 2;
                    places
                }
            };
        }
        Ok(Windows { input, output, size, strides, before, channels })
    }

    /// The windows along the height and the width, as kernels take them.
    pub fn axes(&self) -> [Axis; 2] {
        [0, 1].map(|i| Axis {
            length: self.input[i],
            places: self.output[i],
            size: self.size[i],
            stride: self.strides[i],
            before: self.before[i],
        })
    }

    /// The shape of what has one number for each place and channel.
    pub fn shape(&self) -> Shape {
        Shape::picture(self.output[0], self.output[1], self.channels)
    }
}

/// Declares a pooling layer, which reads windows of a picture by channel: its configuration with Keras' names and defaults,
/// and all but the operation, `Pool(Windows)`, which stands below it in the layer's file.
macro_rules! pool_layer {
    ($(#[doc = $doc:literal])+ $layer:ident, $name:ident: $title:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[non_exhaustive]
        pub struct $layer {
            /// Height and width of the window.
            pub pool_size: Pair,
            /// Steps between two places of it; as large as the window if not given.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub strides: Option<Pair>,
            /// What it sees beyond the edges.
            pub padding: Padding,
        }

        impl Default for $layer {
            fn default() -> Self {
                $layer { pool_size: Pair::Both(2), strides: None, padding: Padding::Valid }
            }
        }

        impl $layer {
            /// A window of this size, in steps as large, without padding.
            pub fn new(pool_size: impl Into<Pair>) -> $layer {
                $layer { pool_size: pool_size.into(), ..Self::default() }
            }

            /// The same with other steps between two places of the window.
            pub fn with_strides(self, strides: impl Into<Pair>) -> $layer {
                $layer { strides: Some(strides.into()), ..self }
            }

            /// The same with this padding.
            pub fn with_padding(self, padding: Padding) -> $layer {
                $layer { padding, ..self }
            }

            fn windows(&self, shape: Shape) -> Result<Windows, String> {
                let strides = self.strides.unwrap_or(self.pool_size).get();
                Windows::over("pool_size", shape, self.pool_size.get(), strides, self.padding)
            }
        }

        impl Layer {
            $(#[doc = $doc])+
            /// Its steps are as large as the window, and there is no padding: see
            #[doc = concat!("[`", stringify!($layer), "`] for others.")]
            pub fn $name(pool_size: impl Into<Pair>) -> Layer {
                $layer::new(pool_size).into()
            }
        }

        impl Describe for $layer {
            fn kind(&self) -> &'static str {
                stringify!($name)
            }

            fn title(&self) -> &'static str {
                $title
            }

            fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
                Ok(self.windows(values(inputs[0])?)?.shape())
            }

            fn reach(&self) -> $crate::layers::reach::Reach {
                let strides = self.strides.unwrap_or(self.pool_size).get();
                $crate::layers::reach::Reach::Window {
                    extent: self.pool_size.get(),
                    strides,
                    centred: false,
                }
            }

            fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
                // The layers were checked.
                let Ok(windows) = self.windows(to.shape(inputs[0])) else { return inputs[0] };
                to.operation(Pool(windows), inputs, windows.shape())
            }
        }
    };
}
pub(crate) use pool_layer;

/// Lengths of a window and of its steps at most.
const LONGEST: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_padding_are_tensorflows() {
        let over = |length, size, stride, padding| {
            let shape = Shape::picture(length, length, 3);
            Windows::over("pool_size", shape, [size; 2], [stride; 2], padding)
                .map(|windows| (windows.output[0], windows.before[1]))
        };
        assert_eq!(over(5, 2, 2, Padding::Valid), Ok((2, 0)));
        assert_eq!(over(5, 2, 2, Padding::Same), Ok((3, 0)));
        assert_eq!(over(6, 3, 2, Padding::Same), Ok((3, 0)));
        assert_eq!(over(7, 3, 2, Padding::Same), Ok((4, 1)));
        assert_eq!(over(5, 4, 1, Padding::Same), Ok((5, 1)));
        assert_eq!(over(2, 1, 3, Padding::Same), Ok((1, 0)));
        assert!(over(2, 3, 1, Padding::Valid).is_err_and(|why| why.contains("no window fits")));
        assert!(over(2, 0, 1, Padding::Same).is_err_and(|why| why.contains("from 1 to")));
        let flat = Windows::over("pool_size", Shape::vector(9), [2; 2], [2; 2], Padding::Same);
        assert!(flat.is_err_and(|why| why.contains("(None, 9)")));
    }
}
