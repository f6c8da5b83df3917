//! Gradients of a batch that is taken in parts: `sums = scale values`, or `sums + scale values`, where the scale is the
//! part's share of the batch's rows, since each part's gradient is of its own mean.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows, spread, vectorised};

kernel! {
    name: "accumulate",
    params: {
        /// Elements.
        count: u32,
        /// What each value is multiplied by.
        scale: f32,
        /// 1 to add to what is there.
        adds: u32,
    },
    bindings: {
        /// `[count]`
        values: read f32,
        /// `[count]`
        sums: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("accumulate.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("4M parameters", [1024, 4096, 1, 1])],
}

fn reference<T: Real>(p: &Params, values: &[T], sums: &mut [T]) {
    let scale = T::from_f32(p.scale);
    for_rows(&mut sums[..p.count as usize], 1, |first, sums| {
        vectorised(
            #[inline(always)]
            || {
                for (sum, &value) in sums.iter_mut().zip(&values[first..]) {
                    let before = if p.adds == 1 { *sum } else { T::ZERO };
                    *sum = scale.mul_add(value, before);
                }
            },
        );
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, _, adds]: Sizes) -> Dispatch {
    let count = a * b;
    c.moves(3 * count);
    let bindings = Bindings { values: c.random(count, 1.0), sums: c.random(count, 1.0) };
    c.expect(bindings.sums, EXACT);
    dispatch(Params { count: count as u32, scale: 0.37, adds: (adds % 2) as u32 }, bindings)
}
