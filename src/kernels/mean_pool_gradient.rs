//! Gradient of the masked mean: each position that counted gets its share of the row's gradient.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Adapter, Real, for_rows, spread, spread_by};

kernel! {
    name: "mean_pool_gradient",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Positions of a row.
        length: u32,
        /// Width.
        units: u32,
    },
    bindings: {
        /// `[rows, length]`
        ids: read u32,
        /// `[rows, units]`
        d_output: read f32,
        /// `[rows, length, units]`
        d_input: write f32,
    },
    variants: [
        "positions": {
            source: &[wgsl!("shared/index.wgsl"), wgsl!("mean_pool_gradient.wgsl")],
            workgroups: |p| spread(p.rows as usize * p.length as usize),
        },
        // A row's ids are counted once, and its elements stored side by side.
        "shared": {
            source: &[wgsl!("shared/index.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("wide/mean_pool_gradient.wgsl")],
            workgroups: |p| spread_by(1, p.rows as usize),
        },
    ],
    choose: |_, adapter| if adapter == Adapter::Hardware { "shared" } else { "positions" },
    loop_iterations: |p| (p.length + p.units) as u64,
    reference: reference,
    case: case,
    benches: [("256 x 128 x 64", [256, 128, 64, 1])],
}

fn reference<T: Real>(p: &Params, ids: &[u32], d_output: &[T], d_input: &mut [T]) {
    let (rows, length, units) = (p.rows as usize, p.length as usize, p.units as usize);
    for_rows(&mut d_input[..rows * length * units], length * units, |first, gradients| {
        for (row, gradients) in gradients.chunks_exact_mut(length * units).enumerate() {
            let ids = &ids[(first + row) * length..][..length];
            let d_output = &d_output[(first + row) * units..][..units];
            let count = ids.iter().filter(|&&id| id != 0).count().max(1);
            let scale = T::ONE / T::from_usize(count);
            for (&id, gradient) in ids.iter().zip(gradients.chunks_exact_mut(units)) {
                let scale = if id == 0 { T::ZERO } else { scale };
                gradient.iter_mut().zip(d_output).for_each(|(g, &d)| *g = d * scale);
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, length, units, _]: Sizes) -> Dispatch {
    c.moves(rows * length * units);
    let bindings = Bindings {
        ids: c.ids(rows * length, 50),
        d_output: c.random(rows * units, 1.0),
        d_input: c.output(rows * length * units, EXACT),
    };
    let (rows, length, units) = (rows as u32, length as u32, units as u32);
    let params = Params { rows, length, units };
    dispatch(params, bindings)
}
