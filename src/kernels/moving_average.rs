//! Running statistics of a batch normalisation: `averages = momentum averages + (1 - momentum) values`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, spread};

kernel! {
    name: "moving_average",
    params: {
        /// Elements.
        count: u32,
        /// The part of the average that stays.
        momentum: f32,
        /// 1 - momentum, rounded by itself.
        rest: f32,
    },
    bindings: {
        /// `[count]`
        values: read f32,
        /// `[count]`
        averages: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("moving_average.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("2 x 64", [2, 64, 1, 1])],
}

fn reference<T: Real>(p: &Params, values: &[T], averages: &mut [T]) {
    let (momentum, rest) = (T::from_f32(p.momentum), T::from_f32(p.rest));
    for (average, &value) in averages[..p.count as usize].iter_mut().zip(values) {
        *average = *average * momentum + value * rest;
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, ..]: Sizes) -> Dispatch {
    c.moves(3 * a * b);
    let averages = c.random(a * b, 1.0);
    c.expect(averages, EXACT);
    let bindings = Bindings { values: c.random(a * b, 1.0), averages };
    dispatch(Params { count: (a * b) as u32, momentum: 0.99, rest: 0.01 }, bindings)
}
