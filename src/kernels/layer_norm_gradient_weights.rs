//! Layer normalisation, gradients of gamma and beta: the sums over vectors of `d_output xhat` and of `d_output`, in
//! parts that [`super::sum_parts`] adds.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows, spread, vectorised};

kernel! {
    name: "layer_norm_gradient_weights",
    params: {
        /// Vectors.
        rows: u32,
        /// Elements of each.
        units: u32,
        /// Vectors of a part, [`part_rows`].
        part_rows: u32,
    },
    bindings: {
        /// `[rows, units]`
        input: read f32,
        /// `[rows, 2]`: mean, rstd
        moments: read f32,
        /// `[rows, units]`
        d_output: read f32,
        /// `[parts, 2, units]`
        parts: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("layer_norm_gradient_weights.wgsl")],
    workgroups: |p| spread(p.rows.div_ceil(p.part_rows) as usize * p.units as usize),
    loop_iterations: |p| p.part_rows as u64,
    reference: reference,
    case: case,
    benches: [("256 x 1024", [256, 1024, 1, 1])],
}

/// Vectors of a part: enough parts to keep a card busy, none longer than a software adapter's loops.
pub fn part_rows(rows: usize) -> usize {
    rows.div_ceil(64).clamp(64, 16_384)
}

fn reference<T: Real>(p: &Params, input: &[T], moments: &[T], d_output: &[T], parts: &mut [T]) {
    let (rows, units, part_rows) = (p.rows as usize, p.units as usize, p.part_rows as usize);
    let parts = &mut parts[..rows.div_ceil(part_rows) * 2 * units];
    for_rows(parts, 2 * units, |first, parts| {
        for (part, sums) in parts.chunks_exact_mut(2 * units).enumerate() {
            let start = (first + part) * part_rows;
            let (d_gamma, d_beta) = sums.split_at_mut(units);
            d_gamma.fill(T::ZERO);
            d_beta.fill(T::ZERO);
            for row in start..rows.min(start + part_rows) {
                let (x, d) = (&input[row * units..][..units], &d_output[row * units..][..units]);
                let (mean, rstd) = (moments[2 * row], moments[2 * row + 1]);
                vectorised(
                    #[inline(always)]
                    || {
                        let sums = d_gamma.iter_mut().zip(d_beta.iter_mut());
                        for ((d_gamma, d_beta), (&x, &d)) in sums.zip(x.iter().zip(d)) {
                            *d_gamma += d * ((x - mean) * rstd);
                            *d_beta += d;
                        }
                    },
                );
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, units, some, _]: Sizes) -> Dispatch {
    c.moves(2 * rows * units);
    let part_rows = if c.is_bench() { part_rows(rows) } else { some };
    let parts = rows.div_ceil(part_rows);
    let bindings = Bindings {
        input: c.random(rows * units, 2.0),
        moments: c.moments(rows),
        d_output: c.random(rows * units, 1.0),
        parts: c.output(parts * 2 * units, summed(part_rows)),
    };
    let (rows, units, part_rows) = (rows as u32, units as u32, part_rows as u32);
    let params = Params { rows, units, part_rows };
    dispatch(params, bindings)
}
