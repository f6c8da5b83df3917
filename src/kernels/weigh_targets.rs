//! Targets times a weight for each row: a categorical cross-entropy of `w y` is `w` times that of `y`, loss and gradient.
//! A weight below [`LEAST`] counts as that, so that the largest target of a row stays the largest.

#[cfg(feature = "unstable")]
use super::case::*;
use super::smooth_targets::one_hot;
use super::{Real, for_rows, spread, vectorised};

/// What a weight is at least: small enough to do nothing beside others.
pub const LEAST: f32 = 1e-30;

kernel! {
    name: "weigh_targets",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Outputs of a row.
        outputs: u32,
        /// 1 where a target is the number of a class.
        sparse: u32,
        /// [`LEAST`].
        least: f32,
    },
    bindings: {
        /// `[rows, outputs]`, or `[rows]` class numbers.
        targets: read f32,
        /// `[rows]`
        weights: read f32,
        /// `[rows, outputs]`
        weighted: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("weigh_targets.wgsl")],
    workgroups: |p| spread(p.rows as usize * p.outputs as usize),
    reference: reference,
    case: case,
    benches: [("256 x 1024", [256, 1024, 1, 1])],
}

fn reference<T: Real>(p: &Params, targets: &[T], weights: &[T], weighted: &mut [T]) {
    let (rows, outputs) = (p.rows as usize, p.outputs as usize);
    let least = T::from_f32(p.least);
    for_rows(&mut weighted[..rows * outputs], outputs, |first, weighted| {
        for (row, weighted) in (first..).zip(weighted.chunks_exact_mut(outputs)) {
            one_hot(p.sparse, targets, row, weighted);
            let weight = weights[row].max(least);
            vectorised(
                #[inline(always)]
                || weighted.iter_mut().for_each(|y| *y *= weight),
            );
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, outputs, _, which]: Sizes) -> Dispatch {
    c.moves(rows * outputs);
    let sparse = (which % 2) as u32;
    let targets = match sparse {
        1 => c.classes(rows, outputs),
        _ => c.between(rows * outputs, 0.0, 1.0),
    };
    let weights = c.between(rows, 0.0, 3.0);
    let bindings = Bindings { targets, weights, weighted: c.output(rows * outputs, EXACT) };
    let (rows, outputs) = (rows as u32, outputs as u32);
    dispatch(Params { rows, outputs, sparse, least: LEAST }, bindings)
}
