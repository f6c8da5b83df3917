//! Layer normalisation, gradient of its input: with `g = d_output gamma` and `xhat = (x - mean) rstd`, means over a
//! vector, `d_input = rstd (g - mean(g) - xhat mean(g xhat)) activation'(x)`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Activation, Real, for_rows, spread_by, sum, vectorised};

kernel! {
    name: "layer_norm_gradient_input",
    params: {
        /// Vectors.
        rows: u32,
        /// Elements of each.
        units: u32,
        /// [`Activation::code`] of the layer that produced `input`.
        activation: u32,
    },
    bindings: {
        /// `[rows, units]`
        input: read f32,
        /// `[2, units]`: gamma, beta
        weights: read f32,
        /// `[rows, 2]`: mean, rstd
        moments: read f32,
        /// `[rows, units]`
        d_output: read f32,
        /// `[rows, units]`
        d_input: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("layer_norm_gradient_input.wgsl")],
    workgroups: |p| spread_by(1, p.rows as usize),
    reference: reference,
    case: case,
    benches: [("256 x 1024", [256, 1024, 1, 1])],
}

fn reference<T: Real>(
    p: &Params,
    input: &[T],
    weights: &[T],
    moments: &[T],
    d_output: &[T],
    d_input: &mut [T],
) {
    let (rows, units) = (p.rows as usize, p.units as usize);
    let (gamma, count) = (&weights[..units], T::from_usize(units));
    let activation = Activation::from_code(p.activation);
    for_rows(&mut d_input[..rows * units], units, |first, rows| {
        let given = input[first * units..].chunks_exact(units);
        let given = given.zip(d_output[first * units..].chunks_exact(units));
        let given = given.zip(moments[2 * first..].chunks_exact(2));
        for (d_input, ((x, d), moments)) in rows.chunks_exact_mut(units).zip(given) {
            let (mean, rstd) = (moments[0], moments[1]);
            vectorised(
                #[inline(always)]
                || {
                    for ((g, &d), &gamma) in d_input.iter_mut().zip(d).zip(gamma) {
                        *g = d * gamma;
                    }
                    let mean_g = sum(
                        d_input,
                        x,
                        #[inline(always)]
                        |g, _| g,
                    ) / count;
                    let product = sum(
                        d_input,
                        x,
                        #[inline(always)]
                        |g, x| g * ((x - mean) * rstd),
                    ) / count;
                    for (g, &x) in d_input.iter_mut().zip(x) {
                        *g = rstd * (*g - mean_g - (x - mean) * rstd * product);
                    }
                },
            );
            activation.scale_by_derivative(d_input, x);
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, units, _, code]: Sizes) -> Dispatch {
    c.moves(3 * rows * units);
    let bindings = Bindings {
        input: c.random(rows * units, 2.0),
        weights: c.random(2 * units, 1.0),
        moments: c.moments(rows),
        d_output: c.random(rows * units, 1.0),
        d_input: c.output(rows * units, summed(units)),
    };
    let (rows, units, activation) = (rows as u32, units as u32, Activation::ALL[code % 5].code());
    let params = Params { rows, units, activation };
    dispatch(params, bindings)
}
