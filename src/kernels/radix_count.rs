//! First third of a pass of the stable radix sort: digits counted by run.
//!
//! The sort orders (id, position) pairs by id, eight bits a pass, so that the gradient of an
//! embedding can sum each id's rows in a fixed order. Each invocation owns a run of [`RUN`]
//! neighbouring keys: no atomics, no barriers, and the order within a digit is the input's.

use super::spread;

/// Keys that one invocation owns; `RUN` of `shaders/shared/radix.wgsl`.
pub const RUN: usize = 256;

/// Runs that `count` keys make.
pub fn runs(count: usize) -> usize {
    count.div_ceil(RUN)
}

kernel! {
    name: "radix_count",
    params: {
        /// Keys.
        count: u32,
        /// First bit of the digit.
        shift: u32,
    },
    bindings: {
        /// `[count]`
        keys: read u32,
        /// `[256, runs]`
        counts: write u32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/radix.wgsl"), wgsl!("radix_count.wgsl")],
    workgroups: |p| spread(runs(p.count as usize)),
    twin: twin,
}

fn twin(p: &Params, keys: &[u32], counts: &mut [u32]) {
    let runs = runs(p.count as usize);
    counts[..256 * runs].fill(0);
    for (run, keys) in keys[..p.count as usize].chunks(RUN).enumerate() {
        for key in keys {
            counts[((key >> p.shift) & 255) as usize * runs + run] += 1;
        }
    }
}
