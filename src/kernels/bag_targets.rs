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
        /// Ids of a row; of ragged rows, of the longest at most.
        length: u32,
        /// Outputs of the model: every id is below.
        outputs: u32,
        /// 1: shares of a row's words; 0: 1 for every word that stands in it.
        counts: u32,
        /// 1: rows have different lengths, and lie between `starts`.
        ragged: u32,
    },
    bindings: {
        /// `[rows, length]`; of ragged rows one behind the other.
        ids: read u32,
        /// `[rows + 1]`: where each ragged row begins, and where the last ends; at least 1 word that nobody reads else.
        starts: read u32,
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

fn reference<T: Real>(p: &Params, ids: &[u32], starts: &[u32], targets: &mut [T]) {
    let (length, outputs) = (p.length as usize, p.outputs as usize);
    for (row, targets) in targets.chunks_exact_mut(outputs).take(p.rows as usize).enumerate() {
        let ids = match p.ragged {
            1 => &ids[starts[row] as usize..starts[row + 1] as usize],
            _ => &ids[row * length..][..length],
        };
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
    let starts = super::embedding_bag::starts(c, rows, length);
    let bindings = Bindings {
        ids: c.ids(rows * length, outputs),
        starts: c.words(starts),
        targets: c.zeros(rows * outputs),
    };
    c.expect(bindings.targets, EXACT);
    let params = Params {
        rows: rows as u32,
        length: length as u32,
        outputs: outputs as u32,
        counts: (code % 2) as u32,
        ragged: ((rows + code) / 2 % 2) as u32,
    };
    dispatch(params, bindings)
}
