//! Adam (Kingma and Ba 2015) in Keras' form, over an arena of parameters:
//!
//! `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`, `p -= rate m / (sqrt(v) + epsilon)` with
//! `rate = lr sqrt(1 - b2^t) / (1 - b1^t)`. The host computes the rate of every step in double
//! precision ([`rate`]): on a device 1 - b2^t would lose its digits.

#[cfg(feature = "unstable")]
use super::case::*;
use super::state::BATCH_SLOT;
use super::{Real, spread, team};

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
        gradients: read f32 as vec4f,
        /// `[count]`
        weights: write f32 as vec4f,
        /// `[count]`
        first_moments: write f32 as vec4f,
        /// `[count]`
        second_moments: write f32 as vec4f,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("adam.wgsl")],
    workgroups: |p| spread(p.count.div_ceil(4) as usize),
    reference: reference,
    case: case,
    benches: [("4M parameters", [1024, 1024, 1, 1])],
}

/// The rate of step `step`, counted from 1.
pub fn rate(learning_rate: f64, beta_1: f64, beta_2: f64, step: u64) -> f64 {
    let t = step as f64;
    learning_rate * (1.0 - beta_2.powf(t)).sqrt() / (1.0 - beta_1.powf(t))
}

/// What a step does to one parameter.
#[derive(Clone, Copy)]
pub(super) struct Rule<T> {
    /// The two decays and their complements, as in [`Params`].
    pub betas: [T; 2],
    pub complements: [T; 2],
    pub epsilon: T,
}

impl<T: Real> Rule<T> {
    /// From a kernel's parameters.
    pub fn new(betas: [f32; 2], complements: [f32; 2], epsilon: f32) -> Rule<T> {
        Rule {
            betas: betas.map(T::from_f32),
            complements: complements.map(T::from_f32),
            epsilon: T::from_f32(epsilon),
        }
    }

    /// Moves a weight and its moments by a gradient.
    #[inline(always)]
    pub fn step(&self, rate: T, g: T, weight: &mut T, m: &mut T, v: &mut T) {
        *m = (self.betas[0] * *m + self.complements[0] * g).flushed();
        *v = (self.betas[1] * *v + self.complements[1] * (g * g)).flushed();
        *weight -= self.change(rate, *m, *v);
    }

    /// What a weight loses to these moments.
    #[inline(always)]
    pub fn change(&self, rate: T, m: T, v: T) -> T {
        rate * m / (v.sqrt() + self.epsilon)
    }

    /// [`Rule::step`] for each of some neighbours; call it within [`super::vectorised`].
    #[inline(always)]
    pub fn steps(&self, rate: T, gradients: &[T], [weights, ms, vs]: [&mut [T]; 3]) {
        for (((weight, &g), m), v) in weights.iter_mut().zip(gradients).zip(ms).zip(vs) {
            self.step(rate, g, weight, m, v);
        }
    }
}

fn reference<T: Real>(
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
    let rule = Rule::new([p.beta_1, p.beta_2], [p.complement_1, p.complement_2], p.epsilon);
    let block = |weights: &mut [T], gradients: &[T], ms: &mut [T], vs: &mut [T]| {
        super::vectorised(
            #[inline(always)]
            || rule.steps(rate, gradients, [weights, ms, vs]),
        );
    };
    const BLOCK: usize = 1 << 15;
    if count < 2 * BLOCK {
        return block(weights, &gradients[..count], first_moments, second_moments);
    }
    let moments = first_moments.chunks_mut(BLOCK).zip(second_moments.chunks_mut(BLOCK));
    let blocks = weights[..count].chunks_mut(BLOCK).zip(gradients.chunks(BLOCK)).zip(moments);
    team::each(blocks, |((p, g), (m, v))| block(p, g, m, v));
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, ..]: Sizes) -> Dispatch {
    let count = a * b * 4;
    c.moves(7 * count);
    let params = Params {
        count: count as u32,
        beta_1: 0.9,
        beta_2: 0.999,
        complement_1: 0.1,
        complement_2: 0.001,
        epsilon: 1e-7,
    };
    let bindings = Bindings {
        state: c.state(0, 2),
        schedule: c.reals(vec![0.0, 0.0, 1e-2]),
        gradients: c.random(count, 1.0),
        weights: c.random(count, 1.0),
        first_moments: c.random(count, 1.0),
        second_moments: c.between(count, 0.0, 1.0),
    };
    c.expect(bindings.weights, EXACT);
    c.expect(bindings.first_moments, EXACT);
    c.expect(bindings.second_moments, EXACT);
    dispatch(params, bindings)
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn moments_of_a_parameter_without_gradients_end_at_zero() {
        let rule = Rule { betas: [0.9f32, 0.9], complements: [0.1, 0.1], epsilon: 1e-7 };
        let [mut weight, mut m, mut v] = [1.0, 0.0, 0.0];
        rule.step(1e-3, 1.0, &mut weight, &mut m, &mut v);
        for _ in 0..1000 {
            rule.step(1e-3, 0.0, &mut weight, &mut m, &mut v);
            assert!(m == 0.0 || m.is_normal(), "{m:e}");
            assert!(v == 0.0 || v.is_normal(), "{v:e}");
        }
        assert_eq!([m, v], [0.0, 0.0]);
    }
}
