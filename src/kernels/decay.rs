//! Decoupled weight decay (Loshchilov and Hutter 2019): `p *= 1 - factor lr`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::state::BATCH_SLOT;
use super::{Real, for_rows, spread, vectorised};

kernel! {
    name: "decay",
    params: {
        /// Weights.
        count: u32,
        /// The decay, which the learning rate is multiplied by.
        factor: f32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[slots]`: the learning rate of each step.
        rates: read f32,
        /// `[count]`
        weights: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("decay.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("4M parameters", [1024, 4096, 1, 1])],
}

fn reference<T: Real>(p: &Params, state: &[u32], rates: &[T], weights: &mut [T]) {
    let factor = T::ONE - T::from_f32(p.factor) * rates[state[BATCH_SLOT] as usize];
    for_rows(&mut weights[..p.count as usize], 1, |_, weights| {
        vectorised(
            #[inline(always)]
            || weights.iter_mut().for_each(|weight| *weight *= factor),
        );
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, ..]: Sizes) -> Dispatch {
    c.moves(2 * a * b);
    let bindings = Bindings {
        state: c.state(0, 1),
        rates: c.reals(vec![0.0, 0.2]),
        weights: c.random(a * b, 1.0),
    };
    c.expect(bindings.weights, EXACT);
    let params = Params { count: (a * b) as u32, factor: 0.7 };
    dispatch(params, bindings)
}
