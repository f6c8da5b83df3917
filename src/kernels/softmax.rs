//! Softmax over each row: `e^(z_j - max z) / sum_i e^(z_i - max z)`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::categorical_crossentropy::WIDE;
use super::{Adapter, Real, first_largest, for_rows, spread, spread_by, sum, vectorised};

kernel! {
    name: "softmax",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Classes.
        outputs: u32,
    },
    bindings: {
        /// `[rows, outputs]`
        logits: read f32,
        /// `[rows, outputs]`
        output: write f32,
    },
    variants: [
        "rows": {
            source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/math.wgsl"), wgsl!("softmax.wgsl")],
            workgroups: |p| spread(p.rows as usize),
        },
        "wide": {
            source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/math.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("wide/softmax.wgsl")],
            workgroups: |p| spread_by(1, p.rows as usize),
        },
    ],
    choose: |p, adapter| match adapter {
        Adapter::Hardware if p.outputs >= WIDE_ON_HARDWARE => "wide",
        _ if p.outputs as usize >= WIDE => "wide",
        _ => "rows",
    },
    reference: reference,
    case: case,
    benches: [("256 x 100", [256, 100, 1, 1])],
}

fn reference<T: Real>(p: &Params, logits: &[T], output: &mut [T]) {
    let (rows, outputs) = (p.rows as usize, p.outputs as usize);
    for_rows(&mut output[..rows * outputs], outputs, |first, rows| {
        for (row, output) in rows.chunks_exact_mut(outputs).enumerate() {
            let z = &logits[(first + row) * outputs..][..outputs];
            vectorised(
                #[inline(always)]
                || {
                    let largest = z[first_largest(z)];
                    output.iter_mut().zip(z).for_each(|(output, &z)| *output = (z - largest).exp());
                    let normalizer = sum(output, output, |value, _| value);
                    output.iter_mut().for_each(|output| *output = *output / normalizer);
                },
            );
        }
    });
}

/// Outputs from which on the invocations of a real GPU's workgroup share a row: lanes are slow alone, and load together
/// what lies together.
const WIDE_ON_HARDWARE: u32 = 32;

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, outputs, ..]: Sizes) -> Dispatch {
    c.moves(2 * rows * outputs);
    let bindings = Bindings {
        logits: c.random(rows * outputs, 60.0),
        output: c.output(rows * outputs, EXACT),
    };
    let params = Params { rows: rows as u32, outputs: outputs as u32 };
    dispatch(params, bindings)
}
