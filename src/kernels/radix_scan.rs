//! Second third of a pass of the stable radix sort: counts become places, their exclusive
//! prefix sum in the order (digit, run).

use super::radix_count::runs;

kernel! {
    name: "radix_scan",
    params: {
        /// Keys.
        count: u32,
    },
    bindings: {
        /// `[256, runs]`
        counts: write u32,
    },
    source: &[wgsl!("shared/radix.wgsl"), wgsl!("radix_scan.wgsl")],
    workgroups: |_| [1, 1, 1],
    twin: twin,
}

fn twin(p: &Params, counts: &mut [u32]) {
    let mut place = 0;
    for count in &mut counts[..256 * runs(p.count as usize)] {
        place += std::mem::replace(count, place);
    }
}
