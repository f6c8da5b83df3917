//! Keeps the outputs of a batch: rows cursor, cursor + 1, ... of `store` are the batch's outputs.
//! Ends the forward pass of a prediction.

use super::Real;
use super::state::{CURSOR, advance};

kernel! {
    name: "store_rows",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Outputs of a row.
        width: u32,
    },
    bindings: {
        /// The counters.
        state: write u32,
        /// `[rows, width]`
        outputs: read f32,
        /// `[all rows, width]`
        store: write f32,
    },
    source: &[wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"), wgsl!("store_rows.wgsl")],
    workgroups: |_| [1, 1, 1],
    loop_iterations: |p| p.rows as u64 * p.width as u64 / 256,
    reference: reference,
}

fn reference<T: Real>(p: &Params, state: &mut [u32], outputs: &[T], store: &mut [T]) {
    let count = (p.rows * p.width) as usize;
    let start = (state[CURSOR] * p.width) as usize;
    store[start..][..count].copy_from_slice(&outputs[..count]);
    advance(state, p.rows);
}
