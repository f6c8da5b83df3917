//! The classes that a step compares with, for a sampled softmax: those of the batch's rows, then one of each of `drawn`
//! equal ranges of the classes, drawn anew for every step. A class may be there several times.

#[cfg(feature = "unstable")]
use super::case::*;
use super::random::random_bits;
use super::spread;
use super::state::BATCH_STEP;

kernel! {
    name: "candidate_draw",
    params: {
        /// Rows of the batch, or of the part of it that is under way.
        rows: u32,
        /// Places for rows' classes, at least `rows`; behind the last row the first one's class is repeated.
        places: u32,
        /// Classes drawn: at least 1, at most `classes`.
        drawn: u32,
        /// All classes.
        classes: u32,
        /// Numbers of a row of `targets`, of which the first is its class.
        stride: u32,
        /// Number of the first draw of this part in the step.
        first: u32,
        /// The run's seed.
        seed: u32,
        /// The stream of random bits.
        stream: u32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[rows, stride]`
        targets: read f32,
        /// `[places + drawn]`
        candidates: write u32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/random.wgsl"), wgsl!("candidate_draw.wgsl")],
    workgroups: |p| spread((p.places + p.drawn) as usize),
    reference: reference,
    case: case,
    benches: [("4096 of 100000 classes", [1024, 100_000, 4096, 1])],
}

/// The range of the classes that draw `i` of `drawn` is from: its first class, and how many they are.
#[inline]
pub fn range(i: usize, drawn: usize, classes: usize) -> [usize; 2] {
    let (each, left) = (classes / drawn, classes % drawn);
    [i * each + i.min(left), each + (i < left) as usize]
}

fn reference<T: super::Real>(p: &Params, state: &[u32], targets: &[T], candidates: &mut [u32]) {
    let (places, stride) = (p.places as usize, p.stride as usize);
    for (i, candidate) in candidates[..places].iter_mut().enumerate() {
        let row = if i < p.rows as usize { i } else { 0 };
        *candidate = targets[row * stride].to_f32() as u32;
    }
    let drawn = &mut candidates[places..][..p.drawn as usize];
    for (i, candidate) in drawn.iter_mut().enumerate() {
        let bits = random_bits(p.seed, p.stream, state[BATCH_STEP], p.first + i as u32);
        let [first, count] = range(i, p.drawn as usize, p.classes as usize);
        *candidate = first as u32 + bits % count as u32;
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, classes, drawn, code]: Sizes) -> Dispatch {
    let (drawn, stride) = (drawn.min(classes), 1 + code % 2);
    let places = rows + code / 2;
    c.moves(rows + places + drawn);
    let bindings = Bindings {
        state: c.state(0, 0),
        targets: c.classes(rows * stride, classes),
        candidates: c.words(vec![0; places + drawn]),
    };
    c.expect(bindings.candidates, 0.0);
    let params = Params {
        rows: rows as u32,
        places: places as u32,
        drawn: drawn as u32,
        classes: classes as u32,
        stride: stride as u32,
        first: 5 * code as u32,
        seed: c.rng.random(),
        stream: 3,
    };
    dispatch(params, bindings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_part_the_classes() {
        for (drawn, classes) in [(1, 1), (1, 9), (3, 10), (7, 7), (4096, 83_611)] {
            let mut next = 0;
            for i in 0..drawn {
                let [first, count] = range(i, drawn, classes);
                assert!(first == next && count > 0, "{i} of {drawn} of {classes}");
                next = first + count;
            }
            assert_eq!(next, classes);
        }
    }
}
