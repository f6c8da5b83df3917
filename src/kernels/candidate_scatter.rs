//! The gradient of the candidates' columns ([`super::candidate_gather`]) put where their classes are in a dense layer's:
//! `d_weights[k, c_s] = d_taken[k, s]`. [`super::fill`] has made the others zero before. Of equal candidates the last
//! counts: the others' gradient is 0, and is not written.

use super::candidate_gather::counts;
#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows, spread};

kernel! {
    name: "candidate_scatter",
    params: {
        /// Rows of the gradient that the binding holds, the bias among them.
        rows: u32,
        /// Number of the first of them.
        first: u32,
        /// All classes: elements of a row.
        classes: u32,
        /// Candidates.
        count: u32,
    },
    bindings: {
        /// `[count]`, ascending.
        candidates: read u32,
        /// `[inputs + 1, count]`
        d_taken: read f32,
        /// `[rows, classes]`; zero before.
        gradient: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("candidate_scatter.wgsl")],
    workgroups: |p| spread(p.rows as usize * p.count as usize),
    reference: reference,
    case: case,
    benches: [("5120 of 100000 columns of 17", [17, 5120, 100_000, 1])],
}

fn reference<T: Real>(p: &Params, candidates: &[u32], d_taken: &[T], gradient: &mut [T]) {
    let (rows, count, classes) = (p.rows as usize, p.count as usize, p.classes as usize);
    let candidates = &candidates[..count];
    for_rows(&mut gradient[..rows * classes], classes, |first, gradient| {
        let d_taken = d_taken[(p.first as usize + first) * count..].chunks_exact(count);
        for (gradient, d_taken) in gradient.chunks_exact_mut(classes).zip(d_taken) {
            for (s, (&class, &d)) in candidates.iter().zip(d_taken).enumerate() {
                if counts(candidates, s) {
                    gradient[class as usize] = d;
                }
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, count, classes, code]: Sizes) -> Dispatch {
    let first = if c.is_bench() { 0 } else { code % 3 };
    let [candidates, _] = c.sorted_pairs(count, classes);
    c.moves(count + 2 * rows * count);
    let bindings = Bindings {
        candidates: c.words(candidates),
        d_taken: c.random((first + rows) * count, 1.0),
        gradient: c.zeros(rows * classes),
    };
    c.expect(bindings.gradient, EXACT);
    let (rows, first) = (rows as u32, first as u32);
    let (classes, count) = (classes as u32, count as u32);
    dispatch(Params { rows, first, classes, count }, bindings)
}
