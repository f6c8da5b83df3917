//! Where a row's class is among the sorted candidates of a sampled softmax: the last of equal ones, which is the one that
//! counts.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, spread};

kernel! {
    name: "candidate_slots",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Candidates.
        count: u32,
    },
    bindings: {
        /// `[rows]`: classes, each of which is among the candidates.
        targets: read f32,
        /// `[count]`, ascending.
        candidates: read u32,
        /// `[rows]`: places among the candidates, as reals.
        slots: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("candidate_slots.wgsl")],
    workgroups: |p| spread(p.rows as usize),
    loop_iterations: |_| 33,
    reference: reference,
    case: case,
    benches: [("1024 rows among 5120", [1024, 5120, 100_000, 1])],
}

fn reference<T: Real>(p: &Params, targets: &[T], candidates: &[u32], slots: &mut [T]) {
    let candidates = &candidates[..p.count as usize];
    for (slot, target) in slots.iter_mut().zip(targets).take(p.rows as usize) {
        let class = target.to_f32() as u32;
        let behind = candidates.partition_point(|&candidate| candidate <= class);
        *slot = T::from_usize(behind.saturating_sub(1));
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, count, classes, _]: Sizes) -> Dispatch {
    let mut candidates = c.draw_words(count, classes);
    let at = c.draw_words(rows, count);
    let targets = at.iter().map(|&at| candidates[at as usize] as f32).collect();
    candidates.sort_unstable();
    c.moves(2 * rows + count.min(13 * rows));
    let bindings = Bindings {
        targets: c.reals(targets),
        candidates: c.words(candidates),
        slots: c.output(rows, 0.0),
    };
    dispatch(Params { rows: rows as u32, count: count as u32 }, bindings)
}
