//! Gradient of SiLU: with `s = 1 / (1 + e^-z)`, `d_input = d_output s (1 + z (1 - s)) activation'(z)`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Activation, Real, for_rows, spread, vectorised};

kernel! {
    name: "silu_gradient",
    params: {
        /// Elements.
        count: u32,
        /// [`Activation::code`] of the layer that produced `input`.
        activation: u32,
    },
    bindings: {
        /// `[count]`: pre-activations z, the values of `activation`
        input: read f32,
        /// `[count]`
        d_output: read f32,
        /// `[count]`
        d_input: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("silu_gradient.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("256 x 1024", [256, 1024, 1, 1])],
}

fn reference<T: Real>(p: &Params, input: &[T], d_output: &[T], d_input: &mut [T]) {
    let activation = Activation::from_code(p.activation);
    for_rows(&mut d_input[..p.count as usize], 1, |first, d_input| {
        let pairs = input[first..].iter().zip(&d_output[first..]);
        vectorised(
            #[inline(always)]
            || {
                for (gradient, (&z, &d)) in d_input.iter_mut().zip(pairs) {
                    let s = z.sigmoid();
                    *gradient = d * s * (T::ONE + z * (T::ONE - s));
                }
            },
        );
        activation.scale_by_derivative(d_input, &input[first..]);
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, _, code]: Sizes) -> Dispatch {
    c.moves(3 * a * b);
    let bindings = Bindings {
        input: c.random(a * b, 4.0),
        d_output: c.random(a * b, 1.0),
        d_input: c.output(a * b, EXACT),
    };
    dispatch(
        Params { count: (a * b) as u32, activation: Activation::ALL[code % 5].code() },
        bindings,
    )
}
