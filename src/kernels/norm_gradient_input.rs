//! Gradient of the input of batch and group normalisation: with `rstd = 1 / sqrt(variance + epsilon)`, `xhat = (input -
//! mean) rstd` and n values that share their moments, `d_input = rstd (gamma d_output - b / n - xhat a / n)
//! activation'(input)`, where a and b are the sums over those n of `gamma d_output xhat` and of `gamma d_output`. Moments
//! that do not depend on the input, as those of a frozen layer, leave `rstd gamma d_output`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Activation, Real, for_rows, vectorised};

kernel! {
    name: "norm_gradient_input",
    params: {
        /// Groups of vectors that each have moments of their own.
        blocks: u32,
        /// Vectors of a block.
        length: u32,
        /// Channels: elements of a vector.
        units: u32,
        /// Values that share their moments; 0 where these do not depend on the input.
        count: u32,
        /// Added to the variance.
        epsilon: f32,
        /// [`Activation::code`] of the layer that produced `input`.
        activation: u32,
        /// 1 where `sums` are without the factor gamma.
        by_channel: u32,
    },
    bindings: {
        /// `[blocks, length, units]`
        input: read f32 as Item,
        /// `[2, units]`: gamma, beta
        weights: read f32 as Item,
        /// `[blocks, 2, units]`: means, variances
        moments: read f32 as Item,
        /// `[blocks, 2, units]`: a, b; not read where `count` is 0
        sums: read f32 as Item,
        /// `[blocks, length, units]`
        d_output: read f32 as Item,
        /// `[blocks, length, units]`
        d_input: write f32 as Item,
    },
    items: {
        width: |p| p.units,
        rows: |p| p.blocks as usize * p.length as usize,
        walk: 8,
        scalar: wgsl!("shared/derivative_f32.wgsl"), vec4: wgsl!("shared/derivative_vec4.wgsl"),
        source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("norm_gradient_input.wgsl")],
    },
    loop_iterations: |p| 8 * (1 + p.units.div_ceil(8) as u64),
    reference: reference,
    case: case,
    benches: [("25088 x 64", [25_088, 64, 1, 1])],
}

fn reference<T: Real>(
    p: &Params,
    input: &[T],
    weights: &[T],
    moments: &[T],
    sums: &[T],
    d_output: &[T],
    d_input: &mut [T],
) {
    let (length, units) = (p.length as usize, p.units as usize);
    let (gamma, epsilon) = (&weights[..units], T::from_f32(p.epsilon));
    let activation = Activation::from_code(p.activation);
    for_rows(&mut d_input[..p.blocks as usize * length * units], units, |first, d_input| {
        // As many vectors side by side as make a line worth a loop.
        let line = units * super::pooling::side_by_side(units);
        // d_input = scale d - shift - (x - mean) slope.
        let [mut means, mut scales, mut shifts, mut slopes] = [(); 4].map(|()| vec![T::ZERO; line]);
        let (mut at, end) = (first, first + d_input.len() / units);
        while at < end {
            let block = at / length * 2 * units;
            for i in 0..line {
                let c = i % units;
                let rstd = T::ONE / (moments[block + units + c] + epsilon).sqrt();
                means[i] = moments[block + c];
                scales[i] = rstd * gamma[c];
                if p.count > 0 {
                    let share = if p.by_channel == 1 { gamma[c] } else { T::ONE };
                    let share = share * rstd / T::from_usize(p.count as usize);
                    shifts[i] = share * sums[block + units + c];
                    slopes[i] = share * rstd * sums[block + c];
                }
            }
            let until = end.min((at / length + 1) * length);
            let given = input[at * units..until * units].chunks(line);
            let given = given.zip(d_output[at * units..until * units].chunks(line));
            let taken = d_input[(at - first) * units..(until - first) * units].chunks_mut(line);
            for (d_input, (x, d)) in taken.zip(given) {
                let factors = means.iter().zip(&scales).zip(shifts.iter().zip(&slopes));
                vectorised(
                    #[inline(always)]
                    || {
                        let given = x.iter().zip(d).zip(factors);
                        for (to, ((&x, &d), ((&mean, &scale), (&shift, &slope)))) in
                            d_input.iter_mut().zip(given)
                        {
                            *to = d * scale - shift - (x - mean) * slope;
                        }
                    },
                );
                activation.scale_by_derivative(d_input, x);
            }
            at = until;
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [length, units, some, blocks]: Sizes) -> Dispatch {
    let count = blocks * length * units;
    c.moves(3 * count);
    let bindings = Bindings {
        input: c.random(count, 2.0),
        weights: c.random(2 * units, 1.0),
        moments: c.between(blocks * 2 * units, 0.2, 1.5),
        sums: c.random(blocks * 2 * units, 2.0),
        d_output: c.random(count, 1.0),
        d_input: c.output(count, 1e-5),
    };
    let code = if c.is_bench() { 0 } else { (length + blocks) % 5 };
    let params = Params {
        blocks: blocks as u32,
        length: length as u32,
        units: units as u32,
        count: if c.is_bench() { length as u32 } else { (some % 3) as u32 * 7 },
        epsilon: 1e-3,
        activation: Activation::ALL[code].code(),
        by_channel: (some % 2) as u32,
    };
    dispatch(params, bindings)
}
