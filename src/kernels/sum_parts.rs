//! The sum of a gradient's parts ([`super::dense_gradient_weights`]): `sums = parts` summed over its first
//! axis, in its order.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, spread, sum_rows};

kernel! {
    name: "sum_parts",
    params: {
        /// Elements of a part.
        count: u32,
        /// Parts.
        parts: u32,
    },
    bindings: {
        /// `[parts, count]`
        parts: read f32,
        /// `[count]`
        sums: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("sum_parts.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("128 parts of 2080", [65, 32, 128, 1])],
}

fn reference<T: Real>(p: &Params, parts: &[T], sums: &mut [T]) {
    let count = p.count as usize;
    sum_rows(&parts[..p.parts as usize * count], &mut sums[..count]);
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, parts, _]: Sizes) -> Dispatch {
    c.moves(parts * a * b);
    let count = a * b;
    let bindings =
        Bindings { parts: c.random(parts * count, 1.0), sums: c.output(count, summed(parts)) };
    let params = Params { count: count as u32, parts: parts as u32 };
    dispatch(params, bindings)
}
