//! The step through which each row of a table is up to date, noted behind
//! [`super::embedding_replay`] and [`super::embedding_adam`]: by a kernel of its own, because the
//! invocations of a row read what it writes.

#[cfg(feature = "unstable")]
use super::case::*;
use super::spread;
use super::state::{BATCH_STEP, STEP};

kernel! {
    name: "embedding_stamp",
    params: {
        /// Ids in the batch; where `all` the table's rows.
        count: u32,
        /// 1: all rows, the last step done; 0: those of a batch, the batch's step.
        all: u32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[count]`; not read where `all`.
        ids: read u32,
        /// `[table rows]`
        steps: write u32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("embedding_stamp.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("32768 ids", [32_768, 20_000, 1, 0])],
}

fn reference(p: &Params, state: &[u32], ids: &[u32], steps: &mut [u32]) {
    match p.all {
        1 => steps[..p.count as usize].fill(state[STEP]),
        _ => ids[..p.count as usize].iter().for_each(|&id| steps[id as usize] = state[BATCH_STEP]),
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [positions, rows, _, code]: Sizes) -> Dispatch {
    c.moves(2 * positions);
    let [ids, _] = c.sorted_pairs(positions, rows);
    let all = code % 2;
    let bindings = Bindings {
        state: c.words(vec![0, 7, 0, 9, 0, 0, 0, 0]),
        ids: c.words(ids),
        steps: c.words(vec![3; rows]),
    };
    c.expect(bindings.steps, 0.0);
    let count = if all == 1 { rows } else { positions } as u32;
    let params = Params { count, all: all as u32 };
    dispatch(params, bindings)
}
