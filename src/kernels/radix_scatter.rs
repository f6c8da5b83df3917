//! Last third of a pass of the stable radix sort: each (key, value) moves to its place.

use super::radix_count::runs;
use super::{Adapter, spread_by};

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
        /// `[256]`: keys with a digit.
        totals: read u32,
        /// `[256, runs]`: keys with a digit in the runs before; may be used up.
        counts: write u32,
        /// `[count]`
        sorted_keys: write u32,
        /// `[count]`
        sorted_values: write u32,
    },
    variants: [
        "workgroup": {
            source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/radix.wgsl"), wgsl!("shared/prefix_sum.wgsl"), wgsl!("radix_scatter.wgsl")],
            workgroups: |p| spread_by(1, runs(p.count as usize)),
        },
        "software": {
            source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/radix.wgsl"), wgsl!("software/radix_scatter.wgsl")],
            workgroups: |p| spread_by(8, runs(p.count as usize)),
        },
    ],
    choose: |_, adapter| match adapter {
        Adapter::Hardware => "workgroup",
        Adapter::Software { .. } => "software",
    },
    reference: reference,
}

fn reference(
    p: &Params,
    keys: &[u32],
    values: &[u32],
    totals: &[u32],
    _counts: &mut [u32],
    sorted_keys: &mut [u32],
    sorted_values: &mut [u32],
) {
    // One run after the other: where one ends, the next begins.
    let mut places = [0; 256];
    let mut before = 0;
    for (place, total) in places.iter_mut().zip(totals) {
        *place = before;
        before += total;
    }
    let mut put = |key: u32, value: u32| {
        let place = &mut places[((key >> p.shift) & 255) as usize];
        sorted_keys[*place as usize] = key;
        sorted_values[*place as usize] = value;
        *place += 1;
    };
    let keys = keys[..p.count as usize].iter().enumerate();
    if p.first == 1 {
        keys.for_each(|(at, &key)| put(key, at as u32));
    } else {
        keys.zip(values).for_each(|((_, &key), &value)| put(key, value));
    }
}
