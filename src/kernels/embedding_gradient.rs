//! Gradient of an embedding, directly: `gradient[r, :]` is the sum of `d_output[p, :]` over the
//! positions p with `ids[p] = r`, in the order of p, so that the bits never vary.
//!
//! On a GPU each element of the gradient reads every id, which pays for small tables and batches
//! only ([`is_direct`]); large ones are sorted first: [`super::radix_count`],
//! [`super::radix_scan`], [`super::radix_scatter`], then [`super::embedding_gradient_runs`] and
//! [`super::embedding_gradient_carry`]. The CPU reference is linear and serves both.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, spread};

kernel! {
    name: "embedding_gradient",
    params: {
        /// Ids in the batch.
        positions: u32,
        /// Width of the table.
        units: u32,
        /// Rows of the table.
        rows: u32,
        /// Ids of a bag ([`super::embedding_bag`]); 0 for an embedding.
        length: u32,
    },
    bindings: {
        /// `[positions]`
        ids: read u32,
        /// `[positions, units]`; of bags `[rows, units]`.
        d_output: read f32,
        /// `[rows]`: what each bag's sum was multiplied by.
        scales: read f32,
        /// `[rows, units]`; rows that no id names become zero.
        gradient: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("embedding_gradient.wgsl")],
    workgroups: |p| spread(p.rows as usize * p.units as usize),
    loop_iterations: |p| p.positions as u64,
    reference: reference,
    case: case,
    benches: [("256 ids of 64 x 16", [256, 64, 16, 0])],
}

/// Whether reading every id for every element is cheaper than sorting: by the count of reads.
pub fn is_direct(positions: usize, rows: usize, units: usize) -> bool {
    positions <= 1 << 14 && positions * rows * units <= 1 << 19
}

/// Adds the gradient of one position to the row of its id.
pub(super) fn add_position<T: Real>(
    length: u32,
    units: usize,
    position: usize,
    d_output: &[T],
    scales: &[T],
    sums: &mut [T],
) {
    super::vectorised(
        #[inline(always)]
        || match length {
            0 => {
                let row = &d_output[position * units..][..units];
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value);
            }
            length => {
                let bag = position / length as usize;
                let (row, scale) = (&d_output[bag * units..][..units], scales[bag]);
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += scale * value);
            }
        },
    );
}

fn reference<T: Real>(p: &Params, ids: &[u32], d_output: &[T], scales: &[T], gradient: &mut [T]) {
    let units = p.units as usize;
    gradient[..p.rows as usize * units].fill(T::ZERO);
    for (position, &id) in ids[..p.positions as usize].iter().enumerate() {
        if p.length > 0 && id == 0 {
            continue;
        }
        let sums = &mut gradient[id as usize * units..][..units];
        add_position(p.length, units, position, d_output, scales, sums);
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [positions, rows, units, code]: Sizes) -> Dispatch {
    c.moves(positions * (1 + units) + rows * units);
    let [length, d_rows] = c.bags(positions, code);
    let bindings = Bindings {
        ids: c.ids(positions, rows),
        d_output: c.random(d_rows * units, 1.0),
        scales: c.random(d_rows, 1.0),
        gradient: c.output(rows * units, summed(positions)),
    };
    let (positions, units, rows) = (positions as u32, units as u32, rows as u32);
    let params = Params { positions, units, rows, length: length as u32 };
    dispatch(params, bindings)
}
