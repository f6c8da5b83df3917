//! Gradients scaled by a number that the device has: `g *= scale`.

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
