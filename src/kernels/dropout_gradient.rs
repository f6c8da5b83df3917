//! Gradient of dropout, carried through the activation before it. The mask is not stored: it is
//! drawn again from the same counters.

use super::random::random_bits;
use super::state::BATCH_STEP;
use super::{Activation, Real, for_rows, spread};

kernel! {
    name: "dropout_gradient",
    params: {
        /// Elements.
        count: u32,
        /// As in [`super::dropout`].
        threshold: u32,
        /// 1 / (1 - rate).
        scale: f32,
        /// The run's seed.
        seed: u32,
        /// The layer's stream of random bits.
        stream: u32,
        /// [`Activation::code`] of the layer that produced `input`.
        activation: u32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[count]`: what the dropout layer was given.
        input: read f32,
        /// `[count]`
        d_output: read f32,
        /// `[count]`
        d_input: write f32,
    },
    source: &[
        wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/random.wgsl"),
        wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("dropout_gradient.wgsl"),
    ],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
}

fn reference<T: Real>(p: &Params, state: &[u32], input: &[T], d_output: &[T], d_input: &mut [T]) {
    let scale = T::from_f32(p.scale);
    let activation = Activation::from_code(p.activation);
    let step = state[BATCH_STEP];
    for_rows(&mut d_input[..p.count as usize], 1, |first, gradients| {
        super::vectorised(
            #[inline(always)]
            || {
                let pairs = gradients.iter_mut().zip(&d_output[first..]);
                for ((gradient, &d), i) in pairs.zip(first as u32..) {
                    let kept = random_bits(p.seed, p.stream, step, i) >= p.threshold;
                    *gradient = if kept { d * scale } else { T::ZERO };
                }
            },
        );
        activation.scale_by_derivative(gradients, &input[first..][..gradients.len()]);
    });
}
