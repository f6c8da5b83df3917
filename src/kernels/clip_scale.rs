//! What gradients are multiplied by so that their global norm is at most `limit` (Pascanu et al. 2013):
//! `min(1, limit / norm)`; NaN where the norm is not finite, so that the loss shows it.

use super::Real;

kernel! {
    name: "clip_scale",
    params: {
        /// Sums of squares.
        partials: u32,
        /// The largest norm.
        limit: f32,
    },
    bindings: {
        /// `[partials]`: [`super::sum_squares`]
        sums: read f32,
        /// `[1]`
        scale: write f32,
    },
    source: &[wgsl!("shared/reduce.wgsl"), wgsl!("clip_scale.wgsl")],
    workgroups: |_| [1, 1, 1],
    loop_iterations: |p| p.partials as u64 / 256 + 32,
    reference: reference,
}

fn reference<T: Real>(p: &Params, partials: &[T], scale: &mut [T]) {
    let total: T = partials[..p.partials as usize].iter().copied().sum();
    let (norm, limit) = (total.sqrt(), T::from_f32(p.limit));
    let factor = if norm > limit { limit / norm } else { T::ONE };
    // Zero, or NaN where the norm is not finite.
    scale[0] = factor + norm * T::ZERO;
}
