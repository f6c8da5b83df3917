//! A bag of words through a table: the rows of a text's ids summed, scaled, shifted by a bias and
//! activated. It is what a dense layer gives for the bag's row of counts, which is never made, so
//! that a vocabulary costs what a text's words cost. Id 0 is padding and adds nothing.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Activation, Real, for_costly_rows};

/// The sum itself.
pub const SUM: u32 = 0;
/// The sum over the number of ids: their mean.
pub const MEAN: u32 = 1;
/// The sum over the root of the number of ids.
pub const SQRT_N: u32 = 2;

kernel! {
    name: "embedding_bag",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Ids of a row; of ragged rows, of the longest at most.
        length: u32,
        /// Width of the table.
        units: u32,
        /// First row of the table that the binding holds.
        first: u32,
        /// Rows that it holds.
        table_rows: u32,
        /// [`SUM`], [`MEAN`] or [`SQRT_N`].
        mode: u32,
        /// [`Activation::code`].
        activation: u32,
        /// 1: `output` holds the sums over earlier pieces of the table.
        adds: u32,
        /// 1: this is the last piece, which scales, shifts and activates.
        ends: u32,
        /// 1: there is a bias.
        bias: u32,
        /// 1: rows have different lengths, and lie between `starts`.
        ragged: u32,
    },
    bindings: {
        /// `[rows, length]`; of ragged rows one behind the other.
        ids: read u32,
        /// `[rows + 1]`: where each ragged row begins, and where the last ends; at least 1 word that nobody reads else.
        starts: read u32,
        /// `[table_rows, units]`
        table: read f32 as Item,
        /// `[units]`
        bias: read f32 as Item,
        /// `[rows, units]`
        output: write f32 as Item,
        /// `[rows]`: what each sum was multiplied by.
        scales: write f32,
    },
    items: {
        width: |p| p.units,
        rows: |p| p.rows as usize,
        scalar: wgsl!("shared/activate_f32.wgsl"),
        vec4: wgsl!("shared/activate_vec4.wgsl"),
        source: [
            wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/bag.wgsl"), wgsl!("software/embedding_bag.wgsl"),
        ],
        wide: [
            wgsl!("shared/activate_wide.wgsl"), wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/bag.wgsl"), wgsl!("software/embedding_bag.wgsl"),
        ],
        hardware: {
            groups: 4,
            source: [
                wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/bag.wgsl"), wgsl!("embedding_bag.wgsl"),
            ],
        },
    },
    loop_iterations: |p| 2 * p.length as u64 + 8,
    reference: reference,
    case: case,
    benches: [("256 x 128 ids of 20000 x 64", [256, 128, 64, 1])],
}

fn reference<T: Real>(
    p: &Params,
    ids: &[u32],
    starts: &[u32],
    table: &[T],
    bias: &[T],
    output: &mut [T],
    scales: &mut [T],
) {
    let (rows, length, units) = (p.rows as usize, p.length as usize, p.units as usize);
    let ids_of = |row: usize| match p.ragged {
        1 => &ids[starts[row] as usize..starts[row + 1] as usize],
        _ => &ids[row * length..][..length],
    };
    let scale = |ids: &[u32]| {
        let count = T::from_usize(ids.iter().filter(|&&id| id != 0).count().max(1));
        match p.mode {
            MEAN => T::ONE / count,
            SQRT_N => T::ONE / count.sqrt(),
            _ => T::ONE,
        }
    };
    let activation = Activation::from_code(p.activation);
    if p.ends == 1 {
        (0..rows).for_each(|row| scales[row] = scale(ids_of(row)));
    }
    let scales = &*scales;
    let cost = if p.ragged == 1 { starts[rows] as usize / rows.max(1) + 1 } else { length };
    for_costly_rows(&mut output[..rows * units], units, units * cost, |first, outputs| {
        for (row, sums) in (first..).zip(outputs.chunks_exact_mut(units)) {
            let ids = ids_of(row);
            super::vectorised(
                #[inline(always)]
                || {
                    if p.adds == 0 {
                        sums.fill(T::ZERO);
                    }
                    for &id in ids {
                        let inside =
                            id.checked_sub(p.first).filter(|&at| id != 0 && at < p.table_rows);
                        let Some(at) = inside else { continue };
                        let values = &table[at as usize * units..][..units];
                        sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value);
                    }
                    if p.ends == 1 {
                        sums.iter_mut().for_each(|sum| *sum *= scales[row]);
                    }
                    if p.ends == 1 && p.bias == 1 {
                        sums.iter_mut().zip(bias).for_each(|(sum, &bias)| *sum += bias);
                    }
                },
            );
            if p.ends == 1 {
                activation.apply_all(sums);
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, length, units, code]: Sizes) -> Dispatch {
    c.moves(rows * length * (1 + units) + rows * units);
    let table = if c.is_bench() { 20_000 } else { 97 };
    let [first, held] = c.piece(table, code);
    let ends = code % 4 != 2;
    let ragged = !c.is_bench() && (rows + code) % 2 == 1;
    let starts = starts(c, rows, length);
    let bindings = Bindings {
        ids: c.ids(rows * length, table),
        starts: c.words(starts),
        table: c.random(held * units, 1.0),
        bias: c.random(units, 1.0),
        output: c.random(rows * units, 1.0),
        scales: c.output(rows, EXACT),
    };
    c.expect(bindings.output, summed(length));
    let params = Params {
        rows: rows as u32,
        length: length as u32,
        units: units as u32,
        first: first as u32,
        table_rows: held as u32,
        mode: (code % 3) as u32,
        activation: if ends { Activation::ALL[code % 5].code() } else { 0 },
        adds: (first > 0) as u32,
        ends: ends as u32,
        bias: (code / 2 % 2) as u32,
        ragged: ragged as u32,
    };
    dispatch(params, bindings)
}

/// Where ragged rows of at most `length` ids each begin.
#[cfg(feature = "unstable")]
pub(super) fn starts(c: &mut Case, rows: usize, length: usize) -> Vec<u32> {
    let mut at = 0;
    let mut starts = vec![0];
    for length in c.draw_words(rows, length + 1) {
        at += length;
        starts.push(at);
    }
    starts
}
