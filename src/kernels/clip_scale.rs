//! What gradients are multiplied by so that their global norm is at most `limit` (Pascanu et al. 2013):
//! `min(1, limit / norm)`; NaN where the norm is not finite, so that the loss shows it.

use super::Real;
#[cfg(feature = "unstable")]
use super::case::*;

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
    case: case,
    benches: [("4M parameters", [1024, 1, 1, 1])],
}

fn reference<T: Real>(p: &Params, partials: &[T], scale: &mut [T]) {
    let total: T = partials[..p.partials as usize].iter().copied().sum();
    let (norm, limit) = (total.sqrt(), T::from_f32(p.limit));
    let factor = if norm > limit { limit / norm } else { T::ONE };
    // Zero, or NaN where the norm is not finite.
    scale[0] = factor + norm * T::ZERO;
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, _, which]: Sizes) -> Dispatch {
    let count = a * b;
    c.moves(count);
    let bindings = Bindings { sums: c.between(count, 0.0, 1.0), scale: c.output(1, summed(count)) };
    // Below and above the norm, which is about sqrt(count / 2).
    let limit = [0.01, 1e6][which % 2] * (count as f32).sqrt();
    let params = Params { partials: count as u32, limit };
    dispatch(params, bindings)
}
