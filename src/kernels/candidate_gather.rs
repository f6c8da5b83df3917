//! The candidates' columns of a dense layer's weights, as the weights of a small dense layer: `taken[k, s] = W[k, c_s]`, and
//! behind them its bias, `b[c_s] + offsets[c_s]`. Of equal candidates, which stand side by side, the last counts; the
//! others' bias is so low that their exponential is 0.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows, spread};

/// The bias of a candidate that does not count.
pub const NEVER_CHOSEN: f32 = -1e30;

kernel! {
    name: "candidate_gather",
    params: {
        /// Rows of the weights that the binding holds, without the bias behind them.
        rows: u32,
        /// Number of the first of them.
        first: u32,
        /// All classes: elements of a row.
        classes: u32,
        /// Candidates.
        count: u32,
        /// 1: the rows are the last, and the bias is written.
        ends: u32,
        /// 1: a row of biases stands behind the rows.
        bias: u32,
    },
    bindings: {
        /// `[rows + bias, classes]`
        weights: read f32,
        /// `[classes]`
        offsets: read f32,
        /// `[count]`, ascending.
        candidates: read u32,
        /// `[inputs + 1, count]`, of which `rows` rows from `first` on are written, and the last where they end.
        taken: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("candidate_gather.wgsl")],
    workgroups: |p| spread((p.rows + p.ends) as usize * p.count as usize),
    reference: reference,
    case: case,
    benches: [("5120 of 100000 columns of 16", [16, 5120, 100_000, 1])],
}

/// Whether the candidate at `at` counts: the next one is another.
pub(super) fn counts(candidates: &[u32], at: usize) -> bool {
    candidates.get(at + 1) != Some(&candidates[at])
}

fn reference<T: Real>(
    p: &Params,
    weights: &[T],
    offsets: &[T],
    candidates: &[u32],
    taken: &mut [T],
) {
    let (rows, count, classes) = (p.rows as usize, p.count as usize, p.classes as usize);
    let candidates = &candidates[..count];
    let written = (rows + p.ends as usize) * count;
    for_rows(&mut taken[p.first as usize * count..][..written], count, |first, taken| {
        for (row, taken) in (first..).zip(taken.chunks_exact_mut(count)) {
            let weights =
                (row < rows + p.bias as usize).then(|| &weights[row * classes..][..classes]);
            let weight = |class: u32| weights.map_or(T::ZERO, |row| row[class as usize]);
            for (s, (taken, &class)) in taken.iter_mut().zip(candidates).enumerate() {
                *taken = match (row < rows, counts(candidates, s)) {
                    (true, _) => weight(class),
                    (false, true) => weight(class) + offsets[class as usize],
                    (false, false) => T::from_f32(NEVER_CHOSEN),
                };
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, count, classes, code]: Sizes) -> Dispatch {
    let [ends, bias, first] = parts(c, code);
    let [candidates, _] = c.sorted_pairs(count, classes);
    c.moves(count + 2 * (rows + ends) * count);
    let bindings = Bindings {
        weights: c.random((rows + bias) * classes, 1.0),
        offsets: c.random(classes, 1.0),
        candidates: c.words(candidates),
        taken: c.output((first + rows + 1) * count, EXACT),
    };
    let (rows, count, classes) = (rows as u32, count as u32, classes as u32);
    let (ends, bias, first) = (ends as u32, bias as u32, first as u32);
    dispatch(Params { rows, first, classes, count, ends, bias }, bindings)
}

/// Whether a piece is the last, whether it has a bias, and its first row.
#[cfg(feature = "unstable")]
pub(super) fn parts(c: &Case, code: usize) -> [usize; 3] {
    let ends = if c.is_bench() { 1 } else { code % 2 };
    [ends, ends * (code / 2 % 2), if c.is_bench() { 0 } else { code % 3 }]
}
