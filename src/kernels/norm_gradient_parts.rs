//! The sums over a part of a block's vectors of `d_output xhat` and of `d_output`, by channel, with `xhat = (input - mean) /
//! sqrt(variance + epsilon)`: parts of the gradients of gamma and beta of batch and group normalisation, and of what the
//! gradient of their input needs ([`super::norm_gradient_input`]).

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_costly_rows, vectorised};

kernel! {
    name: "norm_gradient_parts",
    params: {
        /// Groups of vectors that each have moments of their own.
        blocks: u32,
        /// Vectors of a block.
        length: u32,
        /// Channels: elements of a vector.
        units: u32,
        /// Vectors of a part; of a block's last what is left.
        part_rows: u32,
        /// Added to the variance.
        epsilon: f32,
    },
    bindings: {
        /// `[blocks, length, units]`
        input: read f32 as Item,
        /// `[blocks, 2, units]`: means, variances
        moments: read f32 as Item,
        /// `[blocks, length, units]`
        d_output: read f32 as Item,
        /// `[blocks, parts, 2, units]`
        parts: write f32 as Item,
    },
    items: {
        width: |p| p.units,
        rows: |p| p.blocks as usize * p.length.div_ceil(p.part_rows) as usize,
        source: [wgsl!("norm_gradient_parts.wgsl")],
    },
    loop_iterations: |p| p.part_rows.min(p.length) as u64 + 1,
    reference: reference,
    case: case,
    benches: [("25088 x 64", [25_088, 64, 1, 1])],
}

fn reference<T: Real>(p: &Params, input: &[T], moments: &[T], d_output: &[T], parts: &mut [T]) {
    let (length, units, part_rows) = (p.length as usize, p.units as usize, p.part_rows as usize);
    let (count, epsilon) = (length.div_ceil(part_rows), T::from_f32(p.epsilon));
    let parts = &mut parts[..p.blocks as usize * count * 2 * units];
    for_costly_rows(parts, 2 * units, 2 * part_rows * units, |first, parts| {
        // As many vectors side by side as make a line worth a loop.
        let line = units * super::pooling::side_by_side(units);
        let [mut means, mut products, mut sums] = [(); 3].map(|()| vec![T::ZERO; line]);
        for (part, at) in parts.chunks_exact_mut(2 * units).zip(first..) {
            let block = at / count;
            let moments = &moments[block * 2 * units..][..2 * units];
            let start = block * length + at % count * part_rows;
            let end = (block * length + length).min(start + part_rows);
            let x = input[start * units..end * units].chunks(line);
            let d = d_output[start * units..end * units].chunks(line);
            means.chunks_exact_mut(units).for_each(|to| to.copy_from_slice(&moments[..units]));
            products.fill(T::ZERO);
            sums.fill(T::ZERO);
            vectorised(
                #[inline(always)]
                || {
                    for (x, d) in x.zip(d) {
                        let given = x.iter().zip(d).zip(&means);
                        let own = products.iter_mut().zip(sums.iter_mut());
                        for ((product, sum), ((&x, &d), &mean)) in own.zip(given) {
                            *product += d * (x - mean);
                            *sum += d;
                        }
                    }
                },
            );
            let (d_gamma, d_beta) = part.split_at_mut(units);
            d_gamma.fill(T::ZERO);
            d_beta.fill(T::ZERO);
            for (own, sums) in [(&mut *d_gamma, &products), (d_beta, &sums)] {
                for values in sums.chunks_exact(units) {
                    own.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value);
                }
            }
            for (d_gamma, &variance) in d_gamma.iter_mut().zip(&moments[units..]) {
                *d_gamma = *d_gamma / (variance + epsilon).sqrt();
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [length, units, some, blocks]: Sizes) -> Dispatch {
    let count = blocks * length * units;
    c.moves(2 * count);
    let part_rows = if c.is_bench() { super::norm_parts::part_rows(length) } else { some };
    let parts = blocks * length.div_ceil(part_rows);
    let bindings = Bindings {
        input: c.random(count, 2.0),
        moments: c.between(blocks * 2 * units, 0.2, 1.5),
        d_output: c.random(count, 1.0),
        parts: c.output(parts * 2 * units, summed(4 * part_rows)),
    };
    let params = Params {
        blocks: blocks as u32,
        length: length as u32,
        units: units as u32,
        part_rows: part_rows as u32,
        epsilon: 1e-3,
    };
    dispatch(params, bindings)
}
