//! Masked mean over a row's positions: id 0 is padding and left out, as by Keras'
//! `GlobalAveragePooling1D` behind `Embedding(mask_zero=True)`. A row of padding alone gives zero.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows, spread};

kernel! {
    name: "mean_pool",
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
        /// `[rows, length, units]`
        input: read f32,
        /// `[rows, units]`
        output: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("mean_pool.wgsl")],
    workgroups: |p| spread(p.rows as usize * p.units as usize),
    loop_iterations: |p| p.length as u64,
    reference: reference,
    case: case,
    benches: [("256 x 128 x 64", [256, 128, 64, 1])],
}

fn reference<T: Real>(p: &Params, ids: &[u32], input: &[T], output: &mut [T]) {
    let (rows, length, units) = (p.rows as usize, p.length as usize, p.units as usize);
    for_rows(&mut output[..rows * units], units, |first, means| {
        for (row, mean) in means.chunks_exact_mut(units).enumerate() {
            let start = (first + row) * length;
            mean.fill(T::ZERO);
            let mut count = 0;
            for position in (start..start + length).filter(|&position| ids[position] != 0) {
                let values = &input[position * units..][..units];
                mean.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value);
                count += 1;
            }
            let count = T::from_usize(count.max(1));
            mean.iter_mut().for_each(|sum| *sum = *sum / count);
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, length, units, _]: Sizes) -> Dispatch {
    c.moves(rows * length * units);
    let bindings = Bindings {
        ids: c.ids(rows * length, 50),
        input: c.random(rows * length * units, 1.0),
        output: c.output(rows * units, summed(length)),
    };
    let (rows, length, units) = (rows as u32, length as u32, units as u32);
    dispatch(Params { rows, length, units }, bindings)
}
