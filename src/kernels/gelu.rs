//! GELU (Hendrycks and Gimpel 2016), Keras' exact form: `y = z Phi(z)`, Phi the normal distribution function.

use super::{Real, for_rows, spread, vectorised};

kernel! {
    name: "gelu",
    params: {
        /// Elements.
        count: u32,
    },
    bindings: {
        /// `[count]`: pre-activations z
        input: read f32,
        /// `[count]`
        output: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/math.wgsl"), wgsl!("shared/normal.wgsl"), wgsl!("gelu.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
}

fn reference<T: Real>(p: &Params, input: &[T], output: &mut [T]) {
    for_rows(&mut output[..p.count as usize], 1, |first, output| {
        let input = &input[first..][..output.len()];
        vectorised(
            #[inline(always)]
            || {
                for (y, &z) in output.iter_mut().zip(input) {
                    *y = z * z.normal_cdf();
                }
            },
        );
    });
}
