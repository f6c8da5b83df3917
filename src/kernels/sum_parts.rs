//! The sum of a gradient's parts ([`super::dense_gradient_weights`]): `sums = parts` summed over its first
//! axis, in its order.

use super::{Real, for_costly_rows, spread};

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
    twin: twin,
}

fn twin<T: Real>(p: &Params, parts: &[T], sums: &mut [T]) {
    let (count, n) = (p.count as usize, p.parts as usize);
    for_costly_rows(&mut sums[..count], 1, n, |first, sums| {
        sums.fill(T::ZERO);
        for part in parts.chunks_exact(count).take(n) {
            let part = &part[first..][..sums.len()];
            super::vectorised(
                #[inline(always)]
                || sums.iter_mut().zip(part).for_each(|(sum, &value)| *sum += value),
            );
        }
    });
}
