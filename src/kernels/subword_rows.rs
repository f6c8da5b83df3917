//! The rows of a table that words are made of (Bojanowski et al. 2017): their own and those of their characters'
//! n-grams, filled with 0 to one width. An embedding bag then makes their mean.

#[cfg(feature = "unstable")]
use super::case::*;
use super::spread;

kernel! {
    name: "subword_rows",
    params: {
        /// Words to look up.
        positions: u32,
        /// Rows of a word at most.
        width: u32,
    },
    bindings: {
        /// `[positions]`; 0 is no word.
        ids: read u32,
        /// `[words + 1]`: where each word's rows begin.
        offsets: read u32,
        /// The rows of all words, one behind the other.
        rows: read u32,
        /// `[positions, width]`
        output: write u32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("subword_rows.wgsl")],
    workgroups: |p| spread(p.positions as usize),
    loop_iterations: |p| p.width as u64,
    reference: reference,
    case: case,
    benches: [("6144 words of 32 rows", [6144, 20_000, 32, 0])],
}

fn reference(p: &Params, ids: &[u32], offsets: &[u32], rows: &[u32], output: &mut [u32]) {
    let width = p.width as usize;
    let ids = &ids[..p.positions as usize];
    for (&word, output) in ids.iter().zip(output.chunks_exact_mut(width)) {
        output.fill(0);
        if word == 0 {
            continue;
        }
        let word = word as usize;
        let rows = &rows[offsets[word] as usize..offsets[word + 1] as usize];
        output.iter_mut().zip(rows).for_each(|(to, &row)| *to = row);
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [positions, words, width, _]: Sizes) -> Dispatch {
    let mut offsets = vec![0u32];
    for word in 0..words as u32 {
        // As many as the width for some, none for others.
        let count = if c.is_bench() { width as u32 / 2 } else { word % (width as u32 + 1) };
        offsets.push(offsets[word as usize] + count);
    }
    let all = offsets[words] as usize;
    c.moves(positions * (width + 3) + positions * width / 2);
    let rows = c.draw_words(all.max(1), 1 << 20);
    let bindings = Bindings {
        ids: c.ids(positions, words),
        offsets: c.words(offsets),
        rows: c.words(rows),
        output: c.words(vec![9; positions * width]),
    };
    c.expect(bindings.output, 0.0);
    dispatch(Params { positions: positions as u32, width: width as u32 }, bindings)
}
