//! Squares of gradients summed, a stretch at a time and in a fixed order: what a norm is made of.

#[cfg(feature = "unstable")]
use super::case::*;
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
    case: case,
    benches: [("4M parameters", [1024, 4096, 0, 1])],
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

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, first, _]: Sizes) -> Dispatch {
    let count = a * b;
    c.computes(2 * count);
    let bindings = Bindings {
        gradients: c.random(count, 1.0),
        partials: c.output(first + partials(count) + 2, summed(count)),
    };
    let params = Params { count: count as u32, first: first as u32 };
    dispatch(params, bindings)
}
