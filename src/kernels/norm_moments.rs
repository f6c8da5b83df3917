//! Mean and biased variance of each group of channels of each block, out of those of its parts ([`super::norm_parts`]) by
//! Chan, Golub and LeVeque (1979): the mean is that of the parts' means by their numbers n, and the sum of squares away from
//! it is that of each part and `n (its mean - the mean)^2`, channel by channel and part by part, in this order.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, spread};

kernel! {
    name: "norm_moments",
    params: {
        /// Groups of vectors that each have moments of their own.
        blocks: u32,
        /// Vectors of a block.
        length: u32,
        /// Channels: elements of a vector.
        units: u32,
        /// Vectors of a part.
        part_rows: u32,
        /// Channels that share their moments.
        group: u32,
    },
    bindings: {
        /// `[blocks, parts, 2, units]`
        parts: read f32,
        /// `[blocks, 2, units]`: means, variances; those of a group at each of its channels
        moments: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("norm_moments.wgsl")],
    workgroups: |p| spread(p.blocks as usize * (p.units / p.group) as usize),
    loop_iterations: |p| 2 * p.group as u64 * (1 + p.length.div_ceil(p.part_rows) as u64) + p.group as u64,
    reference: reference,
    case: case,
    benches: [("25088 x 64", [25_088, 64, 1, 1])],
}

fn reference<T: Real>(p: &Params, parts: &[T], moments: &mut [T]) {
    let (length, units, part_rows) = (p.length as usize, p.units as usize, p.part_rows as usize);
    let (group, count) = (p.group as usize, length.div_ceil(part_rows));
    let rows = |part: usize| T::from_usize(part_rows.min(length - part * part_rows));
    let all = T::from_usize(length * group);
    let blocks = moments[..p.blocks as usize * 2 * units].chunks_exact_mut(2 * units);
    for (moments, parts) in blocks.zip(parts.chunks_exact(count * 2 * units)) {
        let sizes = || (0..count).map(rows).zip(parts.chunks_exact(2 * units));
        let (mean, variance) = moments.split_at_mut(units);
        mean.fill(T::ZERO);
        for (n, part) in sizes() {
            mean.iter_mut().zip(part).for_each(|(sum, &mean)| *sum += mean * n);
        }
        for mean in mean.chunks_exact_mut(group) {
            let total: T = mean.iter().copied().sum();
            mean.fill(total / all);
        }
        variance.fill(T::ZERO);
        for (n, part) in sizes() {
            let (means, squares) = part.split_at(units);
            let given = mean.iter().zip(means).zip(squares);
            for (sum, ((&mean, &own), &squares)) in variance.iter_mut().zip(given) {
                let away = own - mean;
                *sum += squares + away * away * n;
            }
        }
        for variance in variance.chunks_exact_mut(group) {
            let total: T = variance.iter().copied().sum();
            variance.fill(total / all);
        }
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [length, units, some, blocks]: Sizes) -> Dispatch {
    let part_rows = if c.is_bench() { super::norm_parts::part_rows(length) } else { some };
    let parts = blocks * length.div_ceil(part_rows);
    c.moves(parts * 2 * units);
    let group = if c.is_bench() {
        1
    } else {
        (1..=units.min(5)).rev().find(|&n| units % n == 0).unwrap_or(1)
    };
    let bindings = Bindings {
        parts: c.between(parts * 2 * units, 0.5, 1.5),
        moments: c.output(blocks * 2 * units, 1e-5),
    };
    let (blocks, length, units) = (blocks as u32, length as u32, units as u32);
    let (part_rows, group) = (part_rows as u32, group as u32);
    dispatch(Params { blocks, length, units, part_rows, group }, bindings)
}
