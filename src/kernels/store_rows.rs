//! Keeps the outputs of a batch: rows cursor, cursor + 1, ... of `store` are the batch's outputs.
//! Ends the forward pass of a prediction; of no columns it does that alone ([`super::keep_rows`]).

use super::Real;
#[cfg(feature = "unstable")]
use super::case::*;
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
    case: case,
    benches: [("8 x 10", [8, 10, 0, 1])],
}

fn reference<T: Real>(p: &Params, state: &mut [u32], outputs: &[T], store: &mut [T]) {
    let count = (p.rows * p.width) as usize;
    let start = (state[CURSOR] * p.width) as usize;
    store[start..][..count].copy_from_slice(&outputs[..count]);
    advance(state, p.rows);
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, width, skip, _]: Sizes) -> Dispatch {
    c.moves(2 * rows * width);
    let bindings = Bindings {
        state: c.state(skip as u32, 0),
        outputs: c.random(rows * width, 1.0),
        // The cursor moves on with each run of a bench.
        store: c.output((if c.is_bench() { 60_000 * rows } else { rows + skip }) * width, 0.0),
    };
    c.expect(bindings.state, 0.0);
    let params = Params { rows: rows as u32, width: width as u32 };
    dispatch(params, bindings)
}
