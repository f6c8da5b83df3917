//! The ids of a batch whose rows have different lengths, one behind the other, from a data set that lies so on the
//! device. [`super::gather_batch`] has copied where each row of the batch begins and how long it is.

#[cfg(feature = "unstable")]
use super::case::*;
use super::spread;

/// Invocations that share a row.
const LANES: usize = 8;

kernel! {
    name: "gather_ids",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Places in `ids`: at least the ids of all rows together.
        words: u32,
        /// Ids of the longest row at most.
        longest: u32,
    },
    bindings: {
        /// `[rows, 2]`: where the row's ids begin in `values`, and how many they are.
        spans: read u32,
        /// The data set's ids.
        values: read u32,
        /// `[words]`: the batch's ids, then padding.
        ids: write u32,
        /// `[words]`: the row of each; 0 for padding.
        row_of_id: write u32,
        /// `[rows + 1]`: where each row begins in `ids`, and where the last ends.
        starts: write u32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("gather_ids.wgsl")],
    workgroups: |p| spread(p.rows as usize * LANES),
    loop_iterations: |p| p.rows as u64 + (p.longest as u64 + p.words as u64 / p.rows.max(1) as u64) / LANES as u64 + 8,
    reference: reference,
    case: case,
    benches: [("256 rows of 128", [256, 128, 1, 768])],
}

fn reference(
    p: &Params,
    spans: &[u32],
    values: &[u32],
    ids: &mut [u32],
    row_of_id: &mut [u32],
    starts: &mut [u32],
) {
    let mut start = 0;
    for (row, span) in spans[..2 * p.rows as usize].chunks_exact(2).enumerate() {
        let (first, length) = (span[0] as usize, span[1] as usize);
        starts[row] = start as u32;
        ids[start..start + length].copy_from_slice(&values[first..first + length]);
        row_of_id[start..start + length].fill(row as u32);
        start += length;
    }
    starts[p.rows as usize] = start as u32;
    ids[start..p.words as usize].fill(0);
    row_of_id[start..p.words as usize].fill(0);
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, length, _, spare]: Sizes) -> Dispatch {
    c.moves(4 * rows * length);
    let lengths = c.draw_words(rows, length + 1);
    let total: u32 = lengths.iter().sum();
    // Rows in another order than they lie, with something between.
    let mut first = 3;
    let mut spans = Vec::new();
    for &length in lengths.iter().rev() {
        spans.push([first, length]);
        first += length + 1;
    }
    let words = total as usize + spare;
    let bindings = Bindings {
        spans: c.words(spans.into_iter().flatten().collect()),
        values: c.ids(first as usize + 1, 1000),
        ids: c.words(vec![7; words.max(1)]),
        row_of_id: c.words(vec![7; words.max(1)]),
        starts: c.words(vec![7; rows + 1]),
    };
    c.expect(bindings.ids, 0.0);
    c.expect(bindings.row_of_id, 0.0);
    c.expect(bindings.starts, 0.0);
    let (rows, words, longest) = (rows as u32, words as u32, length as u32);
    dispatch(Params { rows, words, longest }, bindings)
}
