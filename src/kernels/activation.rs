//! Elementwise activations, fused into the dense kernels. Reference of `shaders/shared/activation.wgsl`.
//!
//! A new activation adds one line to each of the tables here and one to each of the two in
//! the shader. (Softmax is no elementwise function and has a kernel of its own.)

use super::Real;

/// The elementwise activations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// z
    #[default]
    Linear,
    /// max(z, 0)
    Relu,
    /// tanh z
    Tanh,
    /// 1 / (1 + e^-z)
    Sigmoid,
    /// z, or z times this slope where z is negative (Maas et al. 2013). The slope is above 0 and below 2.
    LeakyRelu(f32),
}

impl Activation {
    /// One of each, for tests.
    pub const ALL: [Activation; 5] = [
        Activation::Linear,
        Activation::Relu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::LeakyRelu(0.3),
    ];

    /// Codes from here on are leaky relus: the rest are the bits of the slope, which for slopes below 2 are smaller.
    const LEAKY_RELU: u32 = 0x4000_0000;

    /// The code that kernels take.
    pub fn code(self) -> u32 {
        match self {
            Activation::Linear => 0,
            Activation::Relu => 1,
            Activation::Tanh => 2,
            Activation::Sigmoid => 3,
            Activation::LeakyRelu(slope) => Self::LEAKY_RELU | slope.to_bits(),
        }
    }

    /// The activation of a code; codes that are none mean linear, as in the shader.
    pub fn from_code(code: u32) -> Activation {
        match code {
            1 => Activation::Relu,
            2 => Activation::Tanh,
            3 => Activation::Sigmoid,
            Self::LEAKY_RELU.. => Activation::LeakyRelu(f32::from_bits(code ^ Self::LEAKY_RELU)),
            _ => Activation::Linear,
        }
    }

    /// The function of the pre-activation `z`.
    #[inline(always)]
    pub fn apply<T: Real>(self, z: T) -> T {
        match self {
            Activation::Linear => z,
            Activation::Relu => z.rectified(),
            Activation::Tanh => z.tanh(),
            Activation::Sigmoid => z.sigmoid(),
            // The value has the sign of z.
            Activation::LeakyRelu(_) => z * self.derivative(z),
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
            Activation::LeakyRelu(slope) => {
                if y >= T::ZERO {
                    T::ONE
                } else {
                    T::from_f32(slope)
                }
            }
        }
    }

    /// Applies the function in place.
    pub(crate) fn apply_all<T: Real>(self, values: &mut [T]) {
        // One loop an activation, so that each vectorises.
        super::vectorised(
            #[inline(always)]
            || match self {
                Activation::Linear => {}
                Activation::Relu => values.iter_mut().for_each(|v| *v = v.rectified()),
                Activation::Tanh => values.iter_mut().for_each(
                    #[inline(always)]
                    |v| *v = v.tanh(),
                ),
                Activation::Sigmoid => values.iter_mut().for_each(
                    #[inline(always)]
                    |v| *v = v.sigmoid(),
                ),
                Activation::LeakyRelu(_) => values.iter_mut().for_each(
                    #[inline(always)]
                    |v| *v = self.apply(*v),
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
                Activation::Relu => pairs.for_each(|(g, &y)| *g = g.gated(y)),
                Activation::Tanh => pairs.for_each(|(g, &y)| *g *= Activation::Tanh.derivative(y)),
                Activation::Sigmoid => {
                    pairs.for_each(|(g, &y)| *g *= Activation::Sigmoid.derivative(y));
                }
                Activation::LeakyRelu(_) => pairs.for_each(|(g, &y)| *g *= self.derivative(y)),
            },
        );
    }
}
