//! Second third of a pass of the stable radix sort: a digit's counts become their exclusive prefix sum
//! over the runs, and its total.

#[cfg(feature = "unstable")]
use super::case::*;
#[cfg(feature = "unstable")]
use super::radix_count::run_of_case;
use super::radix_count::runs;
use super::{Adapter, spread_by};

kernel! {
    name: "radix_scan",
    params: {
        /// Keys.
        count: u32,
        /// Keys of a run.
        run: u32,
    },
    bindings: {
        /// `[256, runs]`
        counts: write u32,
        /// `[256]`
        totals: write u32,
    },
    variants: [
        "workgroup": {
            source: &[wgsl!("shared/radix.wgsl"), wgsl!("shared/prefix_sum.wgsl"), wgsl!("radix_scan.wgsl")],
            workgroups: |_| spread_by(1, 256),
        },
        "software": {
            source: &[wgsl!("shared/radix.wgsl"), wgsl!("software/radix_scan.wgsl")],
            workgroups: |_| spread_by(8, 256),
        },
    ],
    choose: |_, adapter| match adapter {
        Adapter::Hardware => "workgroup",
        Adapter::Software { .. } => "software",
    },
    reference: reference,
    case: case,
    benches: [("32768 keys", [32_768, 1, 1, 1])],
}

fn reference(p: &Params, counts: &mut [u32], totals: &mut [u32]) {
    for (row, total) in counts.chunks_exact_mut(runs(p.count as usize, p.run as usize)).zip(totals)
    {
        *total = 0;
        for count in row {
            *total += std::mem::replace(count, *total);
        }
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, ..]: Sizes) -> Dispatch {
    let count = a * b;
    let run = run_of_case(c, [a, b]);
    let runs = runs(count, run);
    c.moves(2 * 256 * runs);
    let counts = c.draw_words(256 * runs + 300, 99);
    let bindings = Bindings { counts: c.words(counts), totals: c.words(vec![9; 256]) };
    c.expect(bindings.counts, 0.0);
    c.expect(bindings.totals, 0.0);
    let params = Params { count: count as u32, run: run as u32 };
    dispatch(params, bindings)
}
