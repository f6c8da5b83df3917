//! The device's multiply-add ceiling, for benches: independent multiply-adds in registers.

use super::{Real, for_rows, spread};

/// Multiply-adds of one invocation and iteration.
pub const LANES: usize = 16;

kernel! {
    name: "peak_fma",
    params: {
        /// Invocations.
        count: u32,
        /// Rounds of [`LANES`] multiply-adds.
        iterations: u32,
    },
    bindings: {
        /// `[count]`: the sum of an invocation's lanes
        output: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("peak_fma.wgsl")],
    workgroups: |p| spread(p.count as usize),
    twin: twin,
}

fn twin<T: Real>(p: &Params, output: &mut [T]) {
    let (half, quarter) = (T::from_f32(0.5), T::from_f32(0.25));
    for_rows(&mut output[..p.count as usize], 1, |first, outputs| {
        super::vectorised(
            #[inline(always)]
            || {
                // Blocks of 64 invocations keep the vector units busy.
                for (block, outputs) in outputs.chunks_mut(64).enumerate() {
                    let mut lanes = [[T::ZERO; 64]; 4];
                    for (lane, values) in lanes.iter_mut().enumerate() {
                        for (i, value) in values.iter_mut().enumerate() {
                            let i = (first + block * 64 + i) % 256;
                            *value = T::from_usize(i) / T::from_f32(256.0)
                                + T::from_usize(lane) * quarter;
                        }
                    }
                    for _ in 0..p.iterations {
                        for values in &mut lanes {
                            values.iter_mut().for_each(|value| *value = *value * half + quarter);
                        }
                    }
                    for (i, output) in outputs.iter_mut().enumerate() {
                        let sum: T = lanes.iter().map(|values| values[i]).sum();
                        *output = sum * T::from_f32(4.0);
                    }
                }
            },
        );
    });
}
