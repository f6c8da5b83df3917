//! Inverted dropout (Srivastava et al. 2014, scaled as Keras does):
//! `output = input / (1 - rate)` where kept, else 0.

#[cfg(feature = "unstable")]
use super::case::*;
use super::random::for_random_blocks;
use super::state::BATCH_STEP;
use super::{Real, for_rows, spread, vectorised};

kernel! {
    name: "dropout",
    params: {
        /// Elements.
        count: u32,
        /// Number of the first in the step's batch, where that is taken in parts.
        first: u32,
        /// An element is kept when its random bits reach this, [`super::random::drop_threshold`].
        threshold: u32,
        /// 1 / (1 - rate).
        scale: f32,
        /// The run's seed.
        seed: u32,
        /// The layer's stream of random bits.
        stream: u32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[count]`
        input: read f32,
        /// `[count]`
        output: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/random.wgsl"), wgsl!("dropout.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("2M elements", [2048, 1024, 3, 1])],
}

fn reference<T: Real>(p: &Params, state: &[u32], input: &[T], output: &mut [T]) {
    let scale = T::from_f32(p.scale);
    let step = state[BATCH_STEP];
    for_rows(&mut output[..p.count as usize], 1, |first, outputs| {
        let draw = ([p.seed, p.stream, step], p.first + first as u32, p.threshold);
        keep(draw, scale, &input[first..], outputs);
    });
}

/// Each of `from` times `scale` where its bits are not below the threshold, else 0. The draw: seed, stream and step, the
/// first element's number, the threshold.
pub(super) fn keep<T: Real>(
    (draw, first, threshold): ([u32; 3], u32, u32),
    scale: T,
    from: &[T],
    to: &mut [T],
) {
    vectorised(
        #[inline(always)]
        || {
            for_random_blocks(
                draw,
                first,
                to,
                #[inline(always)]
                |at, bits, to| {
                    for ((to, &value), &bits) in to.iter_mut().zip(&from[at..]).zip(bits) {
                        *to = if bits >= threshold { value * scale } else { T::ZERO };
                    }
                },
            );
        },
    );
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, rate, _]: Sizes) -> Dispatch {
    let count = a * b;
    c.moves(2 * count);
    let rate = (rate % 10) as f64 / 10.0;
    let bindings = Bindings {
        state: c.state(0, 0),
        input: c.random(count, 1.0),
        output: c.output(count, EXACT),
    };
    let params = Params {
        count: count as u32,
        first: (rate * 50.0) as u32,
        threshold: super::random::drop_threshold(rate),
        scale: (1.0 / (1.0 - rate)) as f32,
        seed: c.rng.random(),
        stream: 3,
    };
    dispatch(params, bindings)
}
