//! Values brought to their moments' mean of 0 and variance of 1, scaled, shifted and activated, as batch normalisation
//! (Ioffe and Szegedy 2015) and group normalisation (Wu and He 2018) do: `output = activation(gamma (input - mean) /
//! sqrt(variance + epsilon) + beta)`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Activation, Real, for_rows, vectorised};

kernel! {
    name: "norm",
    params: {
        /// Groups of vectors that each have moments of their own.
        blocks: u32,
        /// Vectors of a block.
        length: u32,
        /// Channels: elements of a vector.
        units: u32,
        /// Added to the variance.
        epsilon: f32,
        /// [`Activation::code`].
        activation: u32,
    },
    bindings: {
        /// `[blocks, length, units]`
        input: read f32 as Item,
        /// `[2, units]`: gamma, beta
        weights: read f32 as Item,
        /// `[blocks, 2, units]`: means, variances
        moments: read f32 as Item,
        /// `[blocks, length, units]`
        output: write f32 as Item,
    },
    items: {
        width: |p| p.units,
        rows: |p| p.blocks as usize * p.length as usize,
        walk: 8,
        scalar: wgsl!("shared/activate_f32.wgsl"), vec4: wgsl!("shared/activate_vec4.wgsl"),
        source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("norm.wgsl")],
    },
    loop_iterations: |p| 8 * (1 + p.units.div_ceil(8) as u64),
    reference: reference,
    case: case,
    benches: [("25088 x 64", [25_088, 64, 1, 1])],
}

fn reference<T: Real>(p: &Params, input: &[T], weights: &[T], moments: &[T], output: &mut [T]) {
    let (length, units) = (p.length as usize, p.units as usize);
    let (gamma, beta) = weights[..2 * units].split_at(units);
    let epsilon = T::from_f32(p.epsilon);
    let activation = Activation::from_code(p.activation);
    for_rows(&mut output[..p.blocks as usize * length * units], units, |first, output| {
        // As many vectors side by side as make a line worth a loop.
        let line = units * super::pooling::side_by_side(units);
        let [mut means, mut scales, mut shifts] = [(); 3].map(|()| vec![T::ZERO; line]);
        shifts.chunks_exact_mut(units).for_each(|to| to.copy_from_slice(beta));
        let (mut at, end) = (first, first + output.len() / units);
        while at < end {
            let moments = &moments[at / length * 2 * units..][..2 * units];
            for i in 0..line {
                let c = i % units;
                means[i] = moments[c];
                scales[i] = gamma[c] / (moments[units + c] + epsilon).sqrt();
            }
            let until = end.min((at / length + 1) * length);
            let values = input[at * units..until * units].chunks(line);
            let given = output[(at - first) * units..(until - first) * units].chunks_mut(line);
            for (output, x) in given.zip(values) {
                let factors = means.iter().zip(&scales).zip(&shifts);
                vectorised(
                    #[inline(always)]
                    || {
                        let pairs = output.iter_mut().zip(x).zip(factors);
                        for ((y, &x), ((&mean, &scale), &shift)) in pairs {
                            *y = (x - mean) * scale + shift;
                        }
                    },
                );
                activation.apply_all(output);
            }
            at = until;
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [length, units, _, blocks]: Sizes) -> Dispatch {
    let count = blocks * length * units;
    c.moves(2 * count);
    let bindings = Bindings {
        input: c.random(count, 2.0),
        weights: c.random(2 * units, 1.0),
        moments: c.between(blocks * 2 * units, 0.2, 1.5),
        output: c.output(count, 1e-5),
    };
    let code = if c.is_bench() { 1 } else { (length + blocks) % 5 };
    let params = Params {
        blocks: blocks as u32,
        length: length as u32,
        units: units as u32,
        epsilon: 1e-3,
        activation: Activation::ALL[code].code(),
    };
    dispatch(params, bindings)
}
