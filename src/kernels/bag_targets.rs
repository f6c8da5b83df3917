//! The bags of a batch as targets: which words stand in a text (for a binary cross-entropy over the
//! vocabulary), or the share of its words that each is (for a softmax). [`super::fill`] has made
//! the targets zero before.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, spread};

/// Ids from here on are words; those below are padding and the unknown word.
pub const FIRST_WORD: u32 = 2;

kernel! {
    name: "bag_targets",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Ids of a row.
        length: u32,
        /// Outputs of the model: every id is below.
        outputs: u32,
        /// 1: shares of a row's words; 0: 1 for every word that stands in it.
        counts: u32,
    },
    bindings: {
        /// `[rows, length]`
        ids: read u32,
        /// `[rows, outputs]`; zero before.
        targets: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("bag_targets.wgsl")],
    workgroups: |p| spread(p.rows as usize),
    loop_iterations: |p| 2 * p.length as u64,
    reference: reference,
    case: case,
    benches: [("256 bags of 20 words", [256, 20, 20_000, 2])],
}

fn reference<T: Real>(p: &Params, ids: &[u32], targets: &mut [T]) {
    let (length, outputs) = (p.length as usize, p.outputs as usize);
    let rows = ids.chunks_exact(length).zip(targets.chunks_exact_mut(outputs));
    for (ids, targets) in rows.take(p.rows as usize) {
        let words = || ids.iter().filter(|&&id| id >= FIRST_WORD);
        let share = T::ONE / T::from_usize(words().count().max(1));
        for &id in words() {
            match p.counts {
                1 => targets[id as usize] += share,
                _ => targets[id as usize] = T::ONE,
            }
        }
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, length, outputs, code]: Sizes) -> Dispatch {
    c.moves(3 * rows * length);
    let bindings =
        Bindings { ids: c.ids(rows * length, outputs), targets: c.zeros(rows * outputs) };
    c.expect(bindings.targets, EXACT);
    let params = Params {
        rows: rows as u32,
        length: length as u32,
        outputs: outputs as u32,
        counts: (code % 2) as u32,
    };
    dispatch(params, bindings)
}
