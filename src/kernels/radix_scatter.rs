//! Last third of a pass of the stable radix sort: each (key, value) moves to its place.

use super::radix_count::{RUN, runs};
use super::spread;

kernel! {
    name: "radix_scatter",
    params: {
        /// Keys.
        count: u32,
        /// First bit of the digit.
        shift: u32,
        /// 1 in the first pass, whose values are the positions 0, 1, 2, ... and are not read.
        first: u32,
    },
    bindings: {
        /// `[count]`
        keys: read u32,
        /// `[count]`
        values: read u32,
        /// `[256, runs]`: the places; used up.
        counts: write u32,
        /// `[count]`
        sorted_keys: write u32,
        /// `[count]`
        sorted_values: write u32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/radix.wgsl"), wgsl!("radix_scatter.wgsl")],
    workgroups: |p| spread(runs(p.count as usize)),
    twin: twin,
}

fn twin(
    p: &Params,
    keys: &[u32],
    values: &[u32],
    counts: &mut [u32],
    sorted_keys: &mut [u32],
    sorted_values: &mut [u32],
) {
    let (count, runs) = (p.count as usize, runs(p.count as usize));
    for (i, &key) in keys[..count].iter().enumerate() {
        let place = &mut counts[((key >> p.shift) & 255) as usize * runs + i / RUN];
        sorted_keys[*place as usize] = key;
        sorted_values[*place as usize] = if p.first == 1 { i as u32 } else { values[i] };
        *place += 1;
    }
}
