//! Gradients clipped to a value: each into `[-limit, limit]`. A NaN stays one.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows, spread};

kernel! {
    name: "clip_value",
    params: {
        /// Gradients.
        count: u32,
        /// The largest that a gradient may be.
        limit: f32,
    },
    bindings: {
        /// `[count]`
        gradients: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("clip_value.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("4M parameters", [1024, 4096, 1, 1])],
}

fn reference<T: Real>(p: &Params, gradients: &mut [T]) {
    let limit = T::from_f32(p.limit);
    for_rows(&mut gradients[..p.count as usize], 1, |_, gradients| {
        for gradient in gradients {
            // Comparisons with NaN are false.
            if *gradient > limit {
                *gradient = limit;
            } else if *gradient < -limit {
                *gradient = -limit;
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, ..]: Sizes) -> Dispatch {
    c.moves(2 * a * b);
    let gradients = c.random(a * b, 3.0);
    c.expect(gradients, 0.0);
    let params = Params { count: (a * b) as u32, limit: 1.25 };
    dispatch(params, Bindings { gradients })
}
