//! Adagrad (Duchi, Hazan and Singer 2011) on the rows of a table that a batch names, and on no
//! others: a step costs what its words cost, however many words there are.
//!
//! The pairs (id, position) come sorted ([`super::radix_scatter`]); each id's gradient is summed in
//! the order of its positions. `squares` begin above zero, so that the root is never of nothing.

use super::{Real, spread};

kernel! {
    name: "embedding_update",
    params: {
        /// Ids in the batch.
        positions: u32,
        /// Width of the table.
        units: u32,
        /// Positions of a row of `vectors`.
        length: u32,
        /// 1: factors are by row; 0: by position.
        by_row: u32,
        /// Step size.
        rate: f32,
    },
    bindings: {
        /// `[positions]`, ascending; 0 is skipped.
        sorted_ids: read u32,
        /// `[positions]`
        sorted_positions: read u32,
        /// `[rows, units]`
        vectors: read f32,
        /// `[rows]` or `[positions]`
        factors: read f32,
        /// `[table rows, units]`
        table: write f32,
        /// `[table rows, units]`: sums of squared gradients.
        squares: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("embedding_update.wgsl")],
    workgroups: |p| spread(p.positions as usize * p.units.div_ceil(4) as usize),
    twin: twin,
}

fn twin<T: Real>(
    p: &Params,
    sorted_ids: &[u32],
    sorted_positions: &[u32],
    vectors: &[T],
    factors: &[T],
    table: &mut [T],
    squares: &mut [T],
) {
    let ids = &sorted_ids[..p.positions as usize];
    update(p, ids, sorted_positions, [vectors, factors], table, squares, 0);
}

/// Updates the rows that `ids` name, on all threads where there are many: ids are sorted, so the two
/// halves of a batch, cut between two ids, write different halves of the table. `table` and
/// `squares` begin with row `first`.
fn update<T: Real>(
    p: &Params,
    ids: &[u32],
    positions: &[u32],
    [vectors, factors]: [&[T]; 2],
    table: &mut [T],
    squares: &mut [T],
    first: u32,
) {
    let units = p.units as usize;
    if ids.len() * units > 1 << 16 {
        let cut = ids.partition_point(|&id| id < ids[ids.len() / 2]);
        if cut > 0 {
            let at = (ids[cut] - first) as usize * units;
            let (low_table, high_table) = table.split_at_mut(at);
            let (low_squares, high_squares) = squares.split_at_mut(at);
            let ((low, high), places) = (ids.split_at(cut), positions.split_at(cut));
            rayon::join(
                || update(p, low, places.0, [vectors, factors], low_table, low_squares, first),
                || {
                    update(
                        p,
                        high,
                        places.1,
                        [vectors, factors],
                        high_table,
                        high_squares,
                        ids[cut],
                    )
                },
            );
            return;
        }
    }
    let rate = T::from_f32(p.rate);
    let mut total = vec![T::ZERO; units];
    let mut rest = positions;
    for run in ids.chunk_by(|a, b| a == b) {
        let (places, others) = rest.split_at(run.len());
        rest = others;
        if run[0] == 0 {
            continue;
        }
        let at = (run[0] - first) as usize * units;
        super::vectorised(
            #[inline(always)]
            || {
                total.fill(T::ZERO);
                for &position in places {
                    let row = (position / p.length) as usize;
                    let factor = factors[if p.by_row == 1 { row } else { position as usize }];
                    let vector = &vectors[row * units..][..units];
                    total.iter_mut().zip(vector).for_each(|(sum, &value)| *sum += factor * value);
                }
                let squares = &mut squares[at..][..units];
                let row = table[at..][..units].iter_mut();
                for ((value, square), &g) in row.zip(squares).zip(&total) {
                    *square += g * g;
                    *value -= rate * g / square.sqrt();
                }
            },
        );
    }
}
