//! Adagrad (Duchi, Hazan and Singer 2011) in Keras' form over an arena of parameters: `s = s + g^2`,
//! `p -= lr g / sqrt(s + offset)`. Keras begins `s` at its initial accumulator and adds epsilon under the root; here `s`
//! begins at zero, and `offset` is the two together.
//!
//! A parameter without a gradient stays as it is, and its sum too.

#[cfg(feature = "unstable")]
use super::case::*;
use super::state::BATCH_SLOT;
use super::{Real, spread, team};

kernel! {
    name: "adagrad",
    params: {
        /// Parameters, a multiple of four.
        count: u32,
        /// Added to the sums of squares under the root: above zero.
        offset: f32,
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
        /// `[count]`: sums of squared gradients.
        squares: write f32 as vec4f,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("adagrad.wgsl")],
    workgroups: |p| spread(p.count.div_ceil(4) as usize),
    reference: reference,
    case: case,
    benches: [("4M parameters", [1024, 1024, 1, 1])],
}

/// Moves neighbours by their gradients; call it within [`super::vectorised`].
#[inline(always)]
pub(super) fn steps<T: Real>(
    rate: T,
    offset: T,
    gradients: &[T],
    [weights, squares]: [&mut [T]; 2],
) {
    for ((weight, &g), square) in weights.iter_mut().zip(gradients).zip(squares) {
        *square = (*square + g * g).flushed();
        *weight -= rate * g / (*square + offset).sqrt();
    }
}

fn reference<T: Real>(
    p: &Params,
    state: &[u32],
    schedule: &[T],
    gradients: &[T],
    weights: &mut [T],
    squares: &mut [T],
) {
    let count = p.count as usize;
    let rate = schedule[state[BATCH_SLOT] as usize];
    let offset = T::from_f32(p.offset);
    const BLOCK: usize = 1 << 15;
    let blocks = weights[..count].chunks_mut(BLOCK).zip(squares.chunks_mut(BLOCK));
    team::each(blocks.zip(gradients.chunks(BLOCK)), |((weights, squares), gradients)| {
        super::vectorised(
            #[inline(always)]
            || steps(rate, offset, gradients, [weights, squares]),
        );
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, ..]: Sizes) -> Dispatch {
    let count = a * b * 4;
    c.moves(5 * count);
    let params = Params { count: count as u32, offset: 1e-3 };
    let bindings = Bindings {
        state: c.state(0, 1),
        schedule: c.reals(vec![0.0, 1e-1]),
        gradients: c.random(count, 1.0),
        weights: c.random(count, 1.0),
        squares: c.between(count, 0.0, 1.0),
    };
    c.expect(bindings.weights, EXACT);
    c.expect(bindings.squares, EXACT);
    dispatch(params, bindings)
}
