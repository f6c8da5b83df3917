//! Last third of a pass of the stable radix sort: each (key, value) moves to its place.

#[cfg(feature = "unstable")]
use super::case::*;
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
        /// Keys of a run.
        run: u32,
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
            workgroups: |p| spread_by(1, runs(p.count as usize, p.run as usize)),
        },
        "software": {
            source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/radix.wgsl"), wgsl!("software/radix_scatter.wgsl")],
            workgroups: |p| spread_by(8, runs(p.count as usize, p.run as usize)),
        },
    ],
    choose: |_, adapter| match adapter {
        Adapter::Hardware => "workgroup",
        Adapter::Software { .. } => "software",
    },
    reference: reference,
    case: case,
    benches: [
        ("32768 keys, whole pass", [32_768, 1, 1, 1]),
        ("2097152 keys, whole pass", [2_097_152, 1, 1, 1]),
    ],
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

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, _, first]: Sizes) -> Dispatch {
    use super::{radix_count, radix_scan};

    let count = a * b;
    let run = radix_count::run_of_case(c, [a, b]);
    let runs = runs(count, run);
    c.moves(5 * count + 4 * 256 * runs);
    let keys = c.draw_words(count, 1 << 20);
    let mut counts = vec![0; 256 * runs + 300];
    for (i, key) in keys.iter().enumerate() {
        counts[((key >> 8) & 255) as usize * runs + i / run] += 1;
    }
    let mut totals = vec![0; 256];
    for (row, total) in counts.chunks_exact_mut(runs).zip(&mut totals) {
        row.iter_mut().for_each(|count| *total += std::mem::replace(count, *total));
    }
    let bindings = Bindings {
        keys: c.words(keys),
        values: c.ids(count, 1 << 20),
        totals: c.words(totals),
        counts: c.words(counts),
        sorted_keys: c.words(vec![0; count]),
        sorted_values: c.words(vec![0; count]),
    };
    c.expect(bindings.sorted_keys, 0.0);
    c.expect(bindings.sorted_values, 0.0);
    if c.is_bench() {
        // The whole pass: the scatter by itself would use its counts up.
        let (Bindings { keys, counts, totals, .. }, count) = (bindings, count as u32);
        let run = run as u32;
        let params = radix_count::Params { count, shift: 8, run };
        c.precede(radix_count::dispatch(params, radix_count::Bindings { keys, counts }));
        let params = radix_scan::Params { count, run };
        c.precede(radix_scan::dispatch(params, radix_scan::Bindings { counts, totals }));
    }
    let first = (first % 2) as u32;
    let params = Params { count: count as u32, shift: 8, first, run: run as u32 };
    dispatch(params, bindings)
}
