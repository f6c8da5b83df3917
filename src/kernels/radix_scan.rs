//! Second third of a pass of the stable radix sort: a digit's counts become their exclusive prefix sum
//! over the runs, and its total.

use super::radix_count::runs;
use super::{Adapter, spread_by};

kernel! {
    name: "radix_scan",
    params: {
        /// Keys.
        count: u32,
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
}

fn reference(p: &Params, counts: &mut [u32], totals: &mut [u32]) {
    for (row, total) in counts.chunks_exact_mut(runs(p.count as usize)).zip(totals) {
        *total = 0;
        for count in row {
            *total += std::mem::replace(count, *total);
        }
    }
}
