//! Smoothed targets (Szegedy et al. 2016): `y (1 - s) + s / outputs` of a distribution, `y (1 - s) + s / 2` of
//! outputs that are probabilities by themselves.

use super::{Real, spread};

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
}

fn reference<T: Real>(p: &Params, targets: &[T], smoothed: &mut [T]) {
    let (rows, outputs) = (p.rows as usize, p.outputs as usize);
    let s = T::from_f32(p.smoothing);
    let uniform_part =
        if p.binary == 1 { T::from_f32(0.5) } else { T::ONE / T::from_usize(outputs) };
    for (i, smoothed) in smoothed[..rows * outputs].iter_mut().enumerate() {
        let y = match p.sparse {
            1 if targets[i / outputs] == T::from_usize(i % outputs) => T::ONE,
            1 => T::ZERO,
            _ => targets[i],
        };
        *smoothed = y * (T::ONE - s) + s * uniform_part;
    }
}
