//! The step through which each row of a table is up to date, noted behind
//! [`super::embedding_replay`] and [`super::embedding_adam`]: by a kernel of its own, because the
//! invocations of a row read what it writes.

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
}

fn reference(p: &Params, state: &[u32], ids: &[u32], steps: &mut [u32]) {
    match p.all {
        1 => steps[..p.count as usize].fill(state[STEP]),
        _ => ids[..p.count as usize].iter().for_each(|&id| steps[id as usize] = state[BATCH_STEP]),
    }
}
