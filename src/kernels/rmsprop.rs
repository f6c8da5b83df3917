//! RMSprop (Tieleman and Hinton 2012) in Keras' form over an arena of parameters: `s = rho s + (1 - rho) g^2`,
//! `v = momentum v + lr g / sqrt(s + epsilon)`, `p -= v`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::state::BATCH_SLOT;
use super::{Real, spread};

kernel! {
    name: "rmsprop",
    params: {
        /// Parameters, a multiple of four.
        count: u32,
        /// Decay of the squares.
        rho: f32,
        /// 1 - rho.
        complement: f32,
        /// Decay of the velocity; 0 for none.
        momentum: f32,
        /// Added to the squares.
        epsilon: f32,
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
        squares: write f32 as vec4f,
        /// `[count]`
        velocities: write f32 as vec4f,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("rmsprop.wgsl")],
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
    squares: &mut [T],
    velocities: &mut [T],
) {
    let rate = schedule[state[BATCH_SLOT] as usize];
    let [rho, complement] = [p.rho, p.complement].map(T::from_f32);
    let [momentum, epsilon] = [p.momentum, p.epsilon].map(T::from_f32);
    let moments = squares.iter_mut().zip(velocities);
    let pairs = weights.iter_mut().zip(moments).zip(&gradients[..p.count as usize]);
    super::vectorised(
        #[inline(always)]
        || {
            for ((weight, (square, velocity)), &g) in pairs {
                *square = (rho * *square + complement * g * g).flushed();
                let step = rate * g / (*square + epsilon).sqrt();
                *velocity = (momentum * *velocity + step).flushed();
                *weight -= *velocity;
            }
        },
    );
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, ..]: Sizes) -> Dispatch {
    let count = a * b * 4;
    c.moves(7 * count);
    let params =
        Params { count: count as u32, rho: 0.9, complement: 0.1, momentum: 0.8, epsilon: 1e-3 };
    let bindings = Bindings {
        state: c.state(0, 1),
        schedule: c.reals(vec![0.0, 1e-1]),
        gradients: c.random(count, 1.0),
        weights: c.random(count, 1.0),
        squares: c.between(count, 0.0, 1.0),
        velocities: c.random(count, 1.0),
    };
    for span in [bindings.weights, bindings.squares, bindings.velocities] {
        c.expect(span, EXACT);
    }
    dispatch(params, bindings)
}
