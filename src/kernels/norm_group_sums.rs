//! What the gradient of a group normalisation's input needs of each block: the sums over a group of channels, and over the
//! parts of the block ([`super::norm_gradient_parts`]), of `gamma d_output xhat` and of `gamma d_output`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, spread};

kernel! {
    name: "norm_group_sums",
    params: {
        /// Groups of vectors that each have moments of their own.
        blocks: u32,
        /// Parts of a block.
        count: u32,
        /// Channels.
        units: u32,
        /// Channels that share their moments.
        group: u32,
    },
    bindings: {
        /// `[blocks, parts, 2, units]`
        parts: read f32,
        /// `[2, units]`: gamma, beta
        weights: read f32,
        /// `[blocks, 2, units]`; those of a group at each of its channels
        sums: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("norm_group_sums.wgsl")],
    workgroups: |p| spread(p.blocks as usize * (p.units / p.group) as usize),
    loop_iterations: |p| p.group as u64 * (2 + p.count as u64),
    reference: reference,
    case: case,
    benches: [("32 blocks of 13 parts of 64", [13, 64, 8, 32])],
}

fn reference<T: Real>(p: &Params, parts: &[T], weights: &[T], sums: &mut [T]) {
    let (count, units, group) = (p.count as usize, p.units as usize, p.group as usize);
    let blocks = sums[..p.blocks as usize * 2 * units].chunks_exact_mut(2 * units);
    for (sums, parts) in blocks.zip(parts.chunks_exact(count * 2 * units)) {
        for first in (0..units).step_by(group) {
            let mut total = [T::ZERO; 2];
            for c in first..first + group {
                for part in parts.chunks_exact(2 * units) {
                    total[0] += weights[c] * part[c];
                    total[1] += weights[c] * part[units + c];
                }
            }
            sums[first..first + group].fill(total[0]);
            sums[units + first..][..group].fill(total[1]);
        }
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [count, units, some, blocks]: Sizes) -> Dispatch {
    c.moves(blocks * count * 2 * units);
    let group = (1..=units.min(some)).rev().find(|&n| units % n == 0).unwrap_or(1);
    let bindings = Bindings {
        parts: c.random(blocks * count * 2 * units, 1.0),
        weights: c.random(2 * units, 1.0),
        sums: c.output(blocks * 2 * units, summed(count * group)),
    };
    let (blocks, count, units, group) = (blocks as u32, count as u32, units as u32, group as u32);
    dispatch(Params { blocks, count, units, group }, bindings)
}
