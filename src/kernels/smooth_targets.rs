//! Smoothed targets (Szegedy et al. 2016): `y (1 - s) + s / outputs` of a distribution, `y (1 - s) + s / 2` of
//! outputs that are probabilities by themselves.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows, spread, vectorised};

kernel! {
    name: "smooth_targets",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Outputs of a row.
        outputs: u32,
        /// 1 where a target is the number of a class.
        sparse: u32,
        /// 1 where each output is a probability by itself.
        binary: u32,
        /// s.
        smoothing: f32,
    },
    bindings: {
        /// `[rows, outputs]`, or `[rows]` class numbers.
        targets: read f32,
        /// `[rows, outputs]`
        smoothed: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("smooth_targets.wgsl")],
    workgroups: |p| spread(p.rows as usize * p.outputs as usize),
    reference: reference,
    case: case,
    benches: [("256 x 1024", [256, 1024, 1, 1])],
}

fn reference<T: Real>(p: &Params, targets: &[T], smoothed: &mut [T]) {
    let (rows, outputs) = (p.rows as usize, p.outputs as usize);
    let s = T::from_f32(p.smoothing);
    let uniform_part =
        if p.binary == 1 { T::from_f32(0.5) } else { T::ONE / T::from_usize(outputs) };
    for_rows(&mut smoothed[..rows * outputs], outputs, |first, smoothed| {
        for (row, smoothed) in (first..).zip(smoothed.chunks_exact_mut(outputs)) {
            one_hot(p.sparse, targets, row, smoothed);
            vectorised(
                #[inline(always)]
                || smoothed.iter_mut().for_each(|y| *y = *y * (T::ONE - s) + s * uniform_part),
            );
        }
    });
}

/// A row's targets `[outputs]`, of `[rows, outputs]`, or, where `sparse`, of `[rows]` class numbers: 1 for the class.
pub(super) fn one_hot<T: Real>(sparse: u32, targets: &[T], row: usize, out: &mut [T]) {
    if sparse != 1 {
        return out.copy_from_slice(&targets[row * out.len()..][..out.len()]);
    }
    let class = targets[row];
    vectorised(
        #[inline(always)]
        || {
            for (j, y) in out.iter_mut().enumerate() {
                *y = if class == T::from_usize(j) { T::ONE } else { T::ZERO };
            }
        },
    );
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
    let bindings = Bindings { targets, smoothed: c.output(rows * outputs, EXACT) };
    let (rows, outputs, binary) = (rows as u32, outputs as u32, (which / 2 % 2) as u32);
    let params = Params { rows, outputs, sparse, binary, smoothing: 0.1 };
    dispatch(params, bindings)
}
