//! Elementwise activations, fused into the dense kernels. Reference of `shaders/shared/activation.wgsl`.
//!
//! A new activation adds one line to each of the four tables here and one to each of the two in
//! the shader. (Softmax is no elementwise function and has a kernel of its own.)

use super::Real;

/// The elementwise activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Activation {
    /// z
    #[default]
    Linear = 0,
    /// max(z, 0)
    Relu = 1,
    /// tanh z
    Tanh = 2,
    /// 1 / (1 + e^-z)
    Sigmoid = 3,
}

impl Activation {
    /// All, by code.
    pub const ALL: [Activation; 4] =
        [Activation::Linear, Activation::Relu, Activation::Tanh, Activation::Sigmoid];

    /// The code that kernels take.
    pub fn code(self) -> u32 {
        self as u32
    }

    /// The activation of a code; codes that are none mean linear, as in the shader.
    pub fn from_code(code: u32) -> Activation {
        Self::ALL.get(code as usize).copied().unwrap_or_default()
    }

    /// The function of the pre-activation `z`.
    #[inline(always)]
    pub fn apply<T: Real>(self, z: T) -> T {
        match self {
            Activation::Linear => z,
            Activation::Relu => z.max(T::ZERO),
            Activation::Tanh => z.tanh(),
            Activation::Sigmoid => z.sigmoid(),
        }
    }

    /// The derivative with respect to `z`, in terms of the value `y`.
    #[inline(always)]
    pub fn derivative<T: Real>(self, y: T) -> T {
        match self {
            Activation::Linear => T::ONE,
            Activation::Relu => {
                if y > T::ZERO {
                    T::ONE
                } else {
                    T::ZERO
                }
            }
            Activation::Tanh => T::ONE - y * y,
            Activation::Sigmoid => y * (T::ONE - y),
        }
    }

    /// Applies the function in place.
    pub(crate) fn apply_all<T: Real>(self, values: &mut [T]) {
        // One loop an activation, so that each vectorises.
        super::vectorised(
            #[inline(always)]
            || match self {
                Activation::Linear => {}
                Activation::Relu => values.iter_mut().for_each(|v| *v = v.max(T::ZERO)),
                Activation::Tanh => values.iter_mut().for_each(
                    #[inline(always)]
                    |v| *v = v.tanh(),
                ),
                Activation::Sigmoid => values.iter_mut().for_each(
                    #[inline(always)]
                    |v| *v = v.sigmoid(),
                ),
            },
        );
    }

    /// Multiplies `gradients` by the derivative at the values `ys`.
    pub(crate) fn scale_by_derivative<T: Real>(self, gradients: &mut [T], ys: &[T]) {
        let pairs = gradients.iter_mut().zip(ys);
        super::vectorised(
            #[inline(always)]
            || match self {
                Activation::Linear => {}
                Activation::Relu => pairs.for_each(|(g, &y)| {
                    *g = if y > T::ZERO { *g } else { T::ZERO };
                }),
                Activation::Tanh => pairs.for_each(|(g, &y)| *g *= Activation::Tanh.derivative(y)),
                Activation::Sigmoid => {
                    pairs.for_each(|(g, &y)| *g *= Activation::Sigmoid.derivative(y));
                }
            },
        );
    }
}
