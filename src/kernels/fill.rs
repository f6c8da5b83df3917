//! Sets every element to one value.

#[cfg(feature = "unstable")]
use super::case::*;
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
        values: write f32 as Item,
    },
    variants: [
        "vec4": {
            source: &["alias Item = vec4f;\nconst WIDE: u32 = 4u;\n", wgsl!("shared/index.wgsl"), wgsl!("fill.wgsl")],
            workgroups: |p| spread(p.count as usize / 4),
            computes: |p| p.count.is_multiple_of(4),
        },
        "scalar": {
            source: &["alias Item = f32;\nconst WIDE: u32 = 1u;\n", wgsl!("shared/index.wgsl"), wgsl!("fill.wgsl")],
            workgroups: |p| spread(p.count as usize),
        },
    ],
    choose: |p, _| if p.count.is_multiple_of(4) { "vec4" } else { "scalar" },
    reference: reference,
    case: case,
    benches: [("4M elements", [1024, 4096, 1, 1])],
}

fn reference<T: Real>(p: &Params, values: &mut [T]) {
    values[..p.count as usize].fill(T::from_f32(p.value));
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, ..]: Sizes) -> Dispatch {
    c.moves(a * b);
    let values = c.output(a * b, 0.0);
    let params = Params { count: (a * b) as u32, value: 2.5 };
    dispatch(params, Bindings { values })
}
