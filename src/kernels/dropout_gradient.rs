//! Gradient of dropout, carried through the activation before it. The mask is not stored: it is
//! drawn again from the same counters.

#[cfg(feature = "unstable")]
use super::case::*;
use super::dropout::keep;
use super::state::BATCH_STEP;
use super::{Activation, Real, for_rows, spread};

kernel! {
    name: "dropout_gradient",
    params: {
        /// Elements.
        count: u32,
        /// Number of the first in the step's batch, where that is taken in parts.
        first: u32,
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
    case: case,
    benches: [("2M elements", [2048, 1024, 3, 1])],
}

fn reference<T: Real>(p: &Params, state: &[u32], input: &[T], d_output: &[T], d_input: &mut [T]) {
    let scale = T::from_f32(p.scale);
    let activation = Activation::from_code(p.activation);
    let step = state[BATCH_STEP];
    for_rows(&mut d_input[..p.count as usize], 1, |first, gradients| {
        let draw = ([p.seed, p.stream, step], p.first + first as u32, p.threshold);
        keep(draw, scale, &d_output[first..], gradients);
        activation.scale_by_derivative(gradients, &input[first..][..gradients.len()]);
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, rate, code]: Sizes) -> Dispatch {
    let count = a * b;
    c.moves(3 * count);
    let rate = (rate % 10) as f64 / 10.0;
    let bindings = Bindings {
        state: c.state(0, 0),
        input: c.random(count, 1.0),
        d_output: c.random(count, 1.0),
        d_input: c.output(count, EXACT),
    };
    let params = Params {
        count: count as u32,
        first: (rate * 50.0) as u32,
        threshold: super::random::drop_threshold(rate),
        scale: (1.0 / (1.0 - rate)) as f32,
        seed: c.rng.random(),
        stream: 3,
        activation: Activation::ALL[code % 5].code(),
    };
    dispatch(params, bindings)
}
