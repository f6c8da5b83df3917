//! Keeps the outputs of a large batch: rows cursor, cursor + 1, ... of `store` are the batch's outputs. Behind it
//! [`super::store_rows`] of no columns ends the forward pass: it copies by one workgroup, which is enough for little alone.

#[cfg(feature = "unstable")]
use super::case::*;
use super::state::CURSOR;
use super::{Real, spread};

kernel! {
    name: "keep_rows",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Outputs of a row.
        width: u32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[rows, width]`
        outputs: read f32,
        /// `[all rows, width]`
        store: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("keep_rows.wgsl")],
    workgroups: |p| spread(p.rows as usize * p.width as usize),
    reference: reference,
    case: case,
    benches: [("1024 x 784", [1024, 784, 0, 1])],
}

/// Elements from which on it takes a batch's outputs.
pub const FROM: usize = 1 << 16;

fn reference<T: Real>(p: &Params, state: &[u32], outputs: &[T], store: &mut [T]) {
    let count = (p.rows * p.width) as usize;
    let start = (state[CURSOR] * p.width) as usize;
    store[start..][..count].copy_from_slice(&outputs[..count]);
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, width, skip, _]: Sizes) -> Dispatch {
    c.moves(2 * rows * width);
    let bindings = Bindings {
        state: c.state(skip as u32, 0),
        outputs: c.random(rows * width, 1.0),
        store: c.output((rows + skip) * width, 0.0),
    };
    dispatch(Params { rows: rows as u32, width: width as u32 }, bindings)
}
