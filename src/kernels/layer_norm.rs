//! Layer normalisation (Ba et al. 2016), in Keras' form: `y = gamma (x - mean) / sqrt(variance + epsilon) + beta`
//! over each vector x, with the biased variance.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, spread_by, sum, vectorised};

kernel! {
    name: "layer_norm",
    params: {
        /// Vectors.
        rows: u32,
        /// Elements of each.
        units: u32,
        /// Added to the variance.
        epsilon: f32,
    },
    bindings: {
        /// `[rows, units]`
        input: read f32,
        /// `[2, units]`: gamma, beta
        weights: read f32,
        /// `[rows, units]`
        output: write f32,
        /// `[rows, 2]`: mean, `1 / sqrt(variance + epsilon)`
        moments: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("layer_norm.wgsl")],
    workgroups: |p| spread_by(1, p.rows as usize),
    reference: reference,
    case: case,
    benches: [("256 x 1024", [256, 1024, 1, 1])],
}

fn reference<T: Real>(p: &Params, input: &[T], weights: &[T], output: &mut [T], moments: &mut [T]) {
    let (rows, units) = (p.rows as usize, p.units as usize);
    let (gamma, beta) = weights[..2 * units].split_at(units);
    let (count, epsilon) = (T::from_usize(units), T::from_f32(p.epsilon));
    let rows = output[..rows * units].chunks_exact_mut(units).zip(input.chunks_exact(units));
    for ((output, x), moments) in rows.zip(moments.chunks_exact_mut(2)) {
        vectorised(
            #[inline(always)]
            || {
                let mean = sum(
                    x,
                    x,
                    #[inline(always)]
                    |x, _| x,
                ) / count;
                let variance = sum(
                    x,
                    x,
                    #[inline(always)]
                    |x, _| (x - mean) * (x - mean),
                ) / count;
                let rstd = T::ONE / (variance + epsilon).sqrt();
                for (((y, &x), &gamma), &beta) in output.iter_mut().zip(x).zip(gamma).zip(beta) {
                    *y = gamma * ((x - mean) * rstd) + beta;
                }
                moments.copy_from_slice(&[mean, rstd]);
            },
        );
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, units, ..]: Sizes) -> Dispatch {
    c.moves(2 * rows * units);
    let bindings = Bindings {
        input: c.random(rows * units, 2.0),
        weights: c.random(2 * units, 1.0),
        output: c.output(rows * units, 1e-5),
        moments: c.output(2 * rows, 1e-5),
    };
    let params = Params { rows: rows as u32, units: units as u32, epsilon: 1e-3 };
    dispatch(params, bindings)
}
