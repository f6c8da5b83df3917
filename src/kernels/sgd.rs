//! Stochastic gradient descent with momentum, in Keras' form, over an arena of parameters:
//! `velocity = momentum velocity - rate g`, `p += velocity`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::state::BATCH_SLOT;
use super::{Real, spread};

kernel! {
    name: "sgd",
    params: {
        /// Parameters, a multiple of four.
        count: u32,
        /// Decay of the velocity; 0 is plain descent.
        momentum: f32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[slots]`: the learning rate of each step.
        schedule: read f32,
        /// `[count]`
        gradients: read f32 as vec4f,
        /// `[count]`
        weights: write f32 as vec4f,
        /// `[count]`
        velocities: write f32 as vec4f,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("sgd.wgsl")],
    workgroups: |p| spread(p.count.div_ceil(4) as usize),
    reference: reference,
    case: case,
    benches: [("4M parameters", [1024, 1024, 1, 1])],
}

fn reference<T: Real>(
    p: &Params,
    state: &[u32],
    schedule: &[T],
    gradients: &[T],
    weights: &mut [T],
    velocities: &mut [T],
) {
    let (rate, momentum) = (schedule[state[BATCH_SLOT] as usize], T::from_f32(p.momentum));
    let pairs = weights.iter_mut().zip(velocities).zip(&gradients[..p.count as usize]);
    super::vectorised(
        #[inline(always)]
        || {
            for ((weight, velocity), &gradient) in pairs {
                *velocity = (momentum * *velocity - rate * gradient).flushed();
                *weight += *velocity;
            }
        },
    );
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, ..]: Sizes) -> Dispatch {
    let count = a * b * 4;
    c.moves(5 * count);
    let bindings = Bindings {
        state: c.state(0, 1),
        schedule: c.reals(vec![0.0, 1e-1]),
        gradients: c.random(count, 1.0),
        weights: c.random(count, 1.0),
        velocities: c.random(count, 1.0),
    };
    c.expect(bindings.weights, EXACT);
    c.expect(bindings.velocities, EXACT);
    dispatch(Params { count: count as u32, momentum: 0.9 }, bindings)
}
