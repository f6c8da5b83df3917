//! The rows of the batch under way, copied from the data set on the device.
//!
//! Batch row r is row `order[cursor + r]` of `inputs` and `targets`. The kernel also opens the
//! step in [`super::state`]. Two kernels from one shader: [`ids`] (u32) and [`matrix`] (f32).

#[cfg(feature = "unstable")]
use super::case::*;
use super::state::{BATCH_SLOT, BATCH_STEP, CURSOR, SLOT, STEP};
use super::{Adapter, Real, spread_rows};

macro_rules! gather {
    ($element:ident, $name:literal, $vec4:literal, $scalar:literal, $reference:ident, $benches:expr) => {
        kernel! {
            name: $name,
            params: {
                /// Rows of the batch.
                rows: u32,
                /// Elements of an input row.
                input_width: u32,
                /// Elements of a target row; 0 where there are no targets.
                target_width: u32,
                /// 1 opens a step; 0 takes another part of the batch of the step before.
                opens: u32,
            },
            bindings: {
                /// The counters.
                state: write u32,
                /// Row numbers in the order in which the epoch takes them.
                order: read u32,
                /// `[all rows, input_width]`
                inputs: read $element as Item,
                /// `[all rows, target_width]`
                targets: read f32,
                /// `[rows, input_width]`
                batch_inputs: write $element as Item,
                /// `[rows, target_width]`
                batch_targets: write f32,
            },
            variants: [
                "vec4": {
                    source: &[$vec4, "const WIDE: u32 = 4u;\nconst SOFTWARE: bool = false;\n", wgsl!("shared/rows.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("gather_batch.wgsl")],
                    workgroups: |p| spread_rows(p.rows as usize, (p.input_width as usize / 4).div_ceil(4)),
                    computes: |p| p.input_width.is_multiple_of(4),
                },
                "scalar": {
                    source: &[$scalar, "const WIDE: u32 = 1u;\nconst SOFTWARE: bool = false;\n", wgsl!("shared/rows.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("gather_batch.wgsl")],
                    workgroups: |p| spread_rows(p.rows as usize, (p.input_width as usize).div_ceil(4)),
                },
                "vec4_software": {
                    source: &[$vec4, "const WIDE: u32 = 4u;\nconst SOFTWARE: bool = true;\n", wgsl!("shared/rows.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("gather_batch.wgsl")],
                    workgroups: |p| spread_rows(p.rows as usize, p.input_width as usize / 4),
                    computes: |p| p.input_width.is_multiple_of(4),
                },
                "scalar_software": {
                    source: &[$scalar, "const WIDE: u32 = 1u;\nconst SOFTWARE: bool = true;\n", wgsl!("shared/rows.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("gather_batch.wgsl")],
                    workgroups: |p| spread_rows(p.rows as usize, p.input_width as usize),
                },
            ],
            choose: |p, adapter| match (adapter, p.input_width.is_multiple_of(4)) {
                (Adapter::Hardware, true) => "vec4",
                (Adapter::Hardware, false) => "scalar",
                (Adapter::Software { .. }, true) => "vec4_software",
                (Adapter::Software { .. }, false) => "scalar_software",
            },
            reference: $reference,
            case: case,
            benches: $benches,
        }
    };
}

/// Inputs are ids.
pub mod ids {
    use super::*;
    gather!(
        u32,
        "gather_batch",
        "alias Item = vec4u;\n",
        "alias Item = u32;\n",
        reference,
        [("256 rows of 128", [256, 128, 1, 768]),]
    );

    fn reference<T: Real>(
        p: &Params,
        state: &mut [u32],
        order: &[u32],
        inputs: &[u32],
        targets: &[T],
        batch_inputs: &mut [u32],
        batch_targets: &mut [T],
    ) {
        let rows = open(state, order, [p.rows, p.opens]);
        copy_rows(rows, inputs, batch_inputs, p.input_width);
        copy_rows(rows, targets, batch_targets, p.target_width);
    }

    /// Tests and benches: see `case.rs`.
    #[cfg(feature = "unstable")]
    fn case(c: &mut Case, [rows, width, targets, skip]: Sizes) -> Dispatch {
        c.moves(2 * rows * (width + 1));
        let all = rows + skip;
        let bindings = Bindings {
            state: c.state(skip as u32, 4),
            order: c.order(all),
            inputs: c.ids(all * width, 1000),
            targets: c.random(all * targets, 1.0),
            batch_inputs: c.words(vec![7; rows * width]),
            batch_targets: c.output(rows * targets, 0.0),
        };
        c.expect(bindings.batch_inputs, 0.0);
        c.expect(bindings.state, 0.0);
        let (rows, input_width, target_width) = (rows as u32, width as u32, targets as u32);
        let opens = (skip % 3 > 0) as u32;
        dispatch(Params { rows, input_width, target_width, opens }, bindings)
    }
}

/// Inputs are a matrix.
pub mod matrix {
    use super::*;
    gather!(
        f32,
        "gather_batch",
        "alias Item = vec4f;\n",
        "alias Item = f32;\n",
        reference,
        [("256 rows of 784", [256, 784, 2, 1792]),]
    );

    fn reference<T: Real>(
        p: &Params,
        state: &mut [u32],
        order: &[u32],
        inputs: &[T],
        targets: &[T],
        batch_inputs: &mut [T],
        batch_targets: &mut [T],
    ) {
        let rows = open(state, order, [p.rows, p.opens]);
        copy_rows(rows, inputs, batch_inputs, p.input_width);
        copy_rows(rows, targets, batch_targets, p.target_width);
    }

    /// Tests and benches: see `case.rs`.
    #[cfg(feature = "unstable")]
    fn case(c: &mut Case, [rows, width, targets, skip]: Sizes) -> Dispatch {
        c.moves(2 * rows * (width + 1));
        // Also without targets.
        let (all, targets) = (rows + skip, targets - 1);
        let bindings = Bindings {
            state: c.state(skip as u32, 4),
            order: c.order(all),
            inputs: c.random(all * width, 1.0),
            targets: c.random((all * targets).max(1), 1.0),
            batch_inputs: c.output(rows * width, 0.0),
            batch_targets: c.output((rows * targets).max(1), 0.0),
        };
        c.expect(bindings.state, 0.0);
        let (rows, input_width, target_width) = (rows as u32, width as u32, targets as u32);
        let opens = (skip % 3 > 0) as u32;
        dispatch(Params { rows, input_width, target_width, opens }, bindings)
    }
}

/// Opens the step; returns the row numbers of its batch.
fn open<'a>(state: &mut [u32], order: &'a [u32], [rows, opens]: [u32; 2]) -> &'a [u32] {
    state[BATCH_STEP] = state[STEP] + opens;
    state[BATCH_SLOT] = state[SLOT];
    &order[state[CURSOR] as usize..][..rows as usize]
}

fn copy_rows<E: Copy + Send + Sync>(rows: &[u32], from: &[E], to: &mut [E], width: u32) {
    let width = width as usize;
    if width == 0 {
        return;
    }
    super::for_rows(&mut to[..rows.len() * width], width, |first, to| {
        for (&row, to) in rows[first..].iter().zip(to.chunks_exact_mut(width)) {
            to.copy_from_slice(&from[row as usize * width..][..width]);
        }
    });
}
