//! The sum of a gradient's parts ([`super::dense_gradient_weights`]): `sums = parts` summed over its first
//! axis, in its order.

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
}

fn reference<T: Real>(p: &Params, parts: &[T], sums: &mut [T]) {
    let count = p.count as usize;
    sum_rows(&parts[..p.parts as usize * count], &mut sums[..count]);
}
