//! Adam (Kingma and Ba 2015) in Keras' form, over an arena of parameters:
//!
//! `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`, `p -= rate m / (sqrt(v) + epsilon)` with
//! `rate = lr sqrt(1 - b2^t) / (1 - b1^t)`. The host computes the rate of every step in double
//! precision ([`rate`]): on a device 1 - b2^t would lose its digits.

use super::state::BATCH_SLOT;
use super::{Real, spread};

kernel! {
    name: "adam",
    params: {
        /// Parameters, a multiple of four.
        count: u32,
        /// Decay of the first moment.
        beta_1: f32,
        /// Decay of the second moment.
        beta_2: f32,
        /// 1 - beta_1, rounded once: 1 - f32(0.999) is off by 1e-5.
        complement_1: f32,
        /// 1 - beta_2.
        complement_2: f32,
        /// Added to the root of the second moment.
        epsilon: f32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[slots]`: the rate of each step.
        schedule: read f32,
        /// `[count]`
        gradients: read f32,
        /// `[count]`
        weights: write f32,
        /// `[count]`
        first_moments: write f32,
        /// `[count]`
        second_moments: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("adam.wgsl")],
    workgroups: |p| spread(p.count.div_ceil(4) as usize),
    twin: twin,
}

/// The rate of step `step`, counted from 1.
pub fn rate(learning_rate: f64, beta_1: f64, beta_2: f64, step: u64) -> f64 {
    let t = step as f64;
    learning_rate * (1.0 - beta_2.powf(t)).sqrt() / (1.0 - beta_1.powf(t))
}

fn twin<T: Real>(
    p: &Params,
    state: &[u32],
    schedule: &[T],
    gradients: &[T],
    weights: &mut [T],
    first_moments: &mut [T],
    second_moments: &mut [T],
) {
    let count = p.count as usize;
    let rate = schedule[state[BATCH_SLOT] as usize];
    let (b1, b2) = (T::from_f32(p.beta_1), T::from_f32(p.beta_2));
    let (c1, c2) = (T::from_f32(p.complement_1), T::from_f32(p.complement_2));
    let epsilon = T::from_f32(p.epsilon);
    let block = |weights: &mut [T], gradients: &[T], ms: &mut [T], vs: &mut [T]| {
        super::vectorised(
            #[inline(always)]
            || {
                for (((p, &g), m), v) in weights.iter_mut().zip(gradients).zip(ms).zip(vs) {
                    *m = b1 * *m + c1 * g;
                    *v = b2 * *v + c2 * (g * g);
                    *p -= rate * *m / (v.sqrt() + epsilon);
                }
            },
        );
    };
    const BLOCK: usize = 1 << 15;
    if count < 2 * BLOCK {
        return block(weights, &gradients[..count], first_moments, second_moments);
    }
    use rayon::prelude::*;
    weights[..count]
        .par_chunks_mut(BLOCK)
        .zip(gradients.par_chunks(BLOCK))
        .zip(first_moments.par_chunks_mut(BLOCK).zip(second_moments.par_chunks_mut(BLOCK)))
        .for_each(|((p, g), (m, v))| block(p, g, m, v));
}
