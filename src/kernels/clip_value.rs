//! Gradients clipped to a value: each into `[-limit, limit]`. A NaN stays one.

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
