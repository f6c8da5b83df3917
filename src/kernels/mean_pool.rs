//! Masked mean over a row's positions: id 0 is padding and left out, as by Keras'
//! `GlobalAveragePooling1D` behind `Embedding(mask_zero=True)`. A row of padding alone gives zero.

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
