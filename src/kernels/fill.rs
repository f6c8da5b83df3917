//! Sets every element to one value.

use super::{Real, spread};

kernel! {
    name: "fill",
    params: {
        /// Elements.
        count: u32,
        /// The value.
        value: f32,
    },
    bindings: {
        /// `[count]`
        values: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("fill.wgsl")],
    workgroups: |p| spread((p.count as usize).div_ceil(4)),
    twin: twin,
}

fn twin<T: Real>(p: &Params, values: &mut [T]) {
    values[..p.count as usize].fill(T::from_f32(p.value));
}
