//! First third of a pass of the stable radix sort: digits counted by run.
//!
//! The sort orders (id, position) pairs by id, eight bits a pass, so that the gradient of an
//! embedding can sum each id's rows in a fixed order. Runs of neighbouring keys ([`run_of`]) are counted
//! and moved each by itself, and the order within a digit is the input's: the result is the same bits
//! in every form. A run is a workgroup's on hardware, an invocation's where a CPU plays the lanes.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Adapter, spread_by};

/// Keys of a run where there are so many: enough runs of few to keep a card busy, and of many keys so few runs that
/// their counts are less to read and write than the keys.
pub fn run_of(keys: usize) -> usize {
    if keys > 1 << 20 { 4096 } else { 512 }
}

/// Runs of `run` that `count` keys make.
pub fn runs(count: usize, run: usize) -> usize {
    count.div_ceil(run)
}

kernel! {
    name: "radix_count",
    params: {
        /// Keys.
        count: u32,
        /// First bit of the digit.
        shift: u32,
        /// Keys of a run.
        run: u32,
    },
    bindings: {
        /// `[count]`
        keys: read u32,
        /// `[256, runs]`
        counts: write u32,
    },
    variants: [
        "workgroup": {
            source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/radix.wgsl"), wgsl!("radix_count.wgsl")],
            workgroups: |p| spread_by(1, runs(p.count as usize, p.run as usize)),
        },
        "software": {
            source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/radix.wgsl"), wgsl!("software/radix_count.wgsl")],
            workgroups: |p| spread_by(8, runs(p.count as usize, p.run as usize)),
        },
    ],
    choose: |_, adapter| match adapter {
        Adapter::Hardware => "workgroup",
        Adapter::Software { .. } => "software",
    },
    reference: reference,
    case: case,
    benches: [("32768 keys", [32_768, 1, 1, 0])],
}

fn reference(p: &Params, keys: &[u32], counts: &mut [u32]) {
    let (count, run) = (p.count as usize, p.run as usize);
    let runs = runs(count, run);
    // A cache line of each digit's row at a time.
    for (block, keys) in keys[..count].chunks(16 * run).enumerate() {
        let mut tallies = [[0; 256]; 16];
        for (tally, keys) in tallies.iter_mut().zip(keys.chunks(run)) {
            keys.iter().for_each(|key| tally[((key >> p.shift) & 255) as usize] += 1);
        }
        for (digit, row) in counts.chunks_exact_mut(runs).take(256).enumerate() {
            let row = row[16 * block..].iter_mut();
            row.zip(&tallies).for_each(|(count, tally)| *count = tally[digit]);
        }
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, _, shift]: Sizes) -> Dispatch {
    let count = a * b;
    let run = run_of_case(c, [a, b]);
    let runs = runs(count, run);
    c.moves(count + 256 * runs);
    let keys = c.draw_words(count, 1 << 20);
    let bindings = Bindings {
        keys: c.words(keys),
        // Longer than it need be, as it is for a ragged batch.
        counts: c.words(vec![9; 256 * runs + 300]),
    };
    c.expect(bindings.counts, 0.0);
    let params = Params { count: count as u32, shift: 8 * (shift % 3) as u32, run: run as u32 };
    dispatch(params, bindings)
}

/// Keys of a run in a case: of few keys too, both kinds.
#[cfg(feature = "unstable")]
pub(super) fn run_of_case(c: &Case, [a, b]: [usize; 2]) -> usize {
    match c.is_bench() {
        true => run_of(a * b),
        false => [512, 4096][(a + b) % 2],
    }
}
