//! Squares of gradients summed, a stretch at a time and in a fixed order: what a norm is made of.

use super::{Real, spread_by, sum, vectorised};

kernel! {
    name: "sum_squares",
    params: {
        /// Gradients.
        count: u32,
        /// Where its first sum goes.
        first: u32,
    },
    bindings: {
        /// `[count]`
        gradients: read f32,
        /// `[first + partials(count)]` or more: a sum for each stretch.
        partials: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("sum_squares.wgsl")],
    workgroups: |p| spread_by(1, partials(p.count as usize)),
    reference: reference,
}

/// Gradients of a stretch.
pub const STRETCH: usize = 4096;

/// Sums that `count` gradients give.
pub fn partials(count: usize) -> usize {
    count.div_ceil(STRETCH)
}

fn reference<T: Real>(p: &Params, gradients: &[T], partials: &mut [T]) {
    let stretches = gradients[..p.count as usize].chunks(STRETCH);
    for (partial, stretch) in partials[p.first as usize..].iter_mut().zip(stretches) {
        *partial = vectorised(
            #[inline(always)]
            || {
                sum(
                    stretch,
                    stretch,
                    #[inline(always)]
                    |a, b| a * b,
                )
            },
        );
    }
}
