//! Gradients scaled by a number that the device has: `g *= scale`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows, spread, vectorised};

kernel! {
    name: "scale_by",
    params: {
        /// Gradients.
        count: u32,
    },
    bindings: {
        /// `[1]`
        scale: read f32,
        /// `[count]`
        gradients: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("scale_by.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("4M parameters", [1024, 4096, 1, 1])],
}

fn reference<T: Real>(p: &Params, scale: &[T], gradients: &mut [T]) {
    let scale = scale[0];
    for_rows(&mut gradients[..p.count as usize], 1, |_, gradients| {
        vectorised(
            #[inline(always)]
            || gradients.iter_mut().for_each(|gradient| *gradient *= scale),
        );
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, ..]: Sizes) -> Dispatch {
    c.moves(2 * a * b);
    let bindings = Bindings { scale: c.reals(vec![0.37]), gradients: c.random(a * b, 3.0) };
    c.expect(bindings.gradients, EXACT);
    dispatch(Params { count: (a * b) as u32 }, bindings)
}
