//! Mean and sum of squares away from it, of each channel over a part of a block's vectors: the first half of the moments
//! of batch and group normalisation, whose second half is [`super::norm_moments`]. Each part is read twice, the second
//! time from a cache; by squares away from the part's own mean nothing is lost that a large mean would hide.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_costly_rows, vectorised};

kernel! {
    name: "norm_parts",
    params: {
        /// Groups of vectors that each have moments of their own.
        blocks: u32,
        /// Vectors of a block.
        length: u32,
        /// Channels: elements of a vector.
        units: u32,
        /// Vectors of a part, [`part_rows`]; of a block's last what is left.
        part_rows: u32,
    },
    bindings: {
        /// `[blocks, length, units]`
        input: read f32 as Item,
        /// `[blocks, parts, 2, units]`: means, sums of squares away from them
        parts: write f32 as Item,
    },
    items: {
        width: |p| p.units,
        rows: |p| p.blocks as usize * p.length.div_ceil(p.part_rows) as usize,
        source: [wgsl!("norm_parts.wgsl")],
    },
    loop_iterations: |p| 2 * p.part_rows.min(p.length) as u64 + 1,
    reference: reference,
    case: case,
    benches: [("25088 x 64", [25_088, 64, 1, 1])],
}

/// Vectors of a part of a block of `length`: few enough to be read again from a cache, and enough parts to keep a card busy.
pub fn part_rows(length: usize) -> usize {
    length.div_ceil(256).clamp(64, 16_384)
}

fn reference<T: Real>(p: &Params, input: &[T], parts: &mut [T]) {
    let (length, units, part_rows) = (p.length as usize, p.units as usize, p.part_rows as usize);
    let count = length.div_ceil(part_rows);
    let parts = &mut parts[..p.blocks as usize * count * 2 * units];
    for_costly_rows(parts, 2 * units, 2 * part_rows * units, |first, parts| {
        // As many vectors side by side as make a line worth a loop.
        let line = units * super::pooling::side_by_side(units);
        let mut sums = vec![T::ZERO; line];
        let mut means = vec![T::ZERO; line];
        for (part, at) in parts.chunks_exact_mut(2 * units).zip(first..) {
            let start = at / count * length + at % count * part_rows;
            let end = (at / count * length + length).min(start + part_rows);
            let values = &input[start * units..end * units];
            let n = T::from_usize(end - start);
            let (mean, squares) = part.split_at_mut(units);
            sums.fill(T::ZERO);
            vectorised(
                #[inline(always)]
                || {
                    for values in values.chunks(line) {
                        sums.iter_mut().zip(values).for_each(|(sum, &x)| *sum += x);
                    }
                },
            );
            fold(&sums, mean);
            mean.iter_mut().for_each(|mean| *mean = *mean / n);
            means.chunks_exact_mut(units).for_each(|to| to.copy_from_slice(mean));
            sums.fill(T::ZERO);
            vectorised(
                #[inline(always)]
                || {
                    for values in values.chunks(line) {
                        let pairs = values.iter().zip(&means);
                        for (sum, (&x, &mean)) in sums.iter_mut().zip(pairs) {
                            *sum += (x - mean) * (x - mean);
                        }
                    }
                },
            );
            fold(&sums, squares);
        }
    });
}

/// Sums of vectors that lie side by side.
fn fold<T: Real>(side_by_side: &[T], to: &mut [T]) {
    to.fill(T::ZERO);
    for values in side_by_side.chunks_exact(to.len()) {
        to.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value);
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [length, units, some, blocks]: Sizes) -> Dispatch {
    c.moves(blocks * length * units);
    let part_rows = if c.is_bench() { part_rows(length) } else { some };
    let parts = blocks * length.div_ceil(part_rows);
    let bindings = Bindings {
        input: c.between(blocks * length * units, 2.0, 4.0),
        parts: c.output(parts * 2 * units, summed(part_rows)),
    };
    let (blocks, length, units, part_rows) =
        (blocks as u32, length as u32, units as u32, part_rows as u32);
    dispatch(Params { blocks, length, units, part_rows }, bindings)
}
