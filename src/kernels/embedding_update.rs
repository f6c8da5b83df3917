//! Adagrad (Duchi, Hazan and Singer 2011) on the rows of a table that a batch names, and on no
//! others: a step costs what its words cost, however many words there are.
//!
//! The pairs (id, position) come sorted ([`super::radix_scatter`]); each id's gradient is summed in
//! the order of its positions. `squares` begin above zero, so that the root is never of nothing.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Adapter, Real, add_scaled, spread, spread_rows, team};

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
        /// First row of the table that the bindings hold.
        first: u32,
        /// Rows that they hold.
        rows: u32,
        /// Step size.
        rate: f32,
    },
    bindings: {
        /// `[positions]`, ascending; 0 is skipped.
        sorted_ids: read u32,
        /// `[positions]`
        sorted_positions: read u32,
        /// `[rows, units]`
        vectors: read f32 as Item,
        /// `[rows]` or `[positions]`
        factors: read f32,
        /// `[table rows, units]`
        table: write f32 as Item,
        /// `[table rows, units]`: sums of squared gradients.
        squares: write f32 as Item,
    },
    variants: [
        "vec4": {
            source: &[
                "alias Item = vec4f;\nconst WIDE: u32 = 4u;\nconst SOFTWARE: bool = false;\n",
                wgsl!("shared/rows.wgsl"), wgsl!("shared/long_runs.wgsl"), wgsl!("embedding_update.wgsl"),
            ],
            workgroups: |p| spread_rows(p.positions as usize, p.units as usize / 4),
            computes: |p| p.units.is_multiple_of(4),
        },
        "scalar": {
            source: &[
                "alias Item = f32;\nconst WIDE: u32 = 1u;\nconst SOFTWARE: bool = false;\n",
                wgsl!("shared/rows.wgsl"), wgsl!("shared/long_runs.wgsl"), wgsl!("embedding_update.wgsl"),
            ],
            workgroups: |p| spread_rows(p.positions as usize, p.units as usize),
        },
        "software": {
            source: &["alias Item = f32;\n", wgsl!("shared/index.wgsl"), wgsl!("software/embedding_update.wgsl")],
            workgroups: |p| spread(p.positions as usize * p.units.div_ceil(4) as usize),
        },
    ],
    choose: |p, adapter| match (adapter, p.units % 4) {
        (Adapter::Software { .. }, _) => "software",
        (Adapter::Hardware, 0) => "vec4",
        (Adapter::Hardware, _) => "scalar",
    },
    reference: reference,
    case: case,
    benches: [("36864 ids of 20000 x 100", [36_864, 20_000, 100, 12])],
}

fn reference<T: Real>(
    p: &Params,
    sorted_ids: &[u32],
    sorted_positions: &[u32],
    vectors: &[T],
    factors: &[T],
    table: &mut [T],
    squares: &mut [T],
) {
    let units = p.units as usize;
    let ids = &sorted_ids[..p.positions as usize];
    let rate = T::from_f32(p.rate);
    let from = ids.partition_point(|&id| id < p.first);
    let to = ids.partition_point(|&id| id < p.first.saturating_add(p.rows));
    let ids = &ids[from..to];
    for_runs(ids, units, p.first, [table, squares], |start, run, [table, squares]| {
        let start = from + start;
        if run[0] == 0 {
            return;
        }
        super::vectorised(
            #[inline(always)]
            || {
                // Some of the row's columns at a time: their sums lie here.
                for columns in (0..units).step_by(COLUMNS) {
                    let columns = columns..units.min(columns + COLUMNS);
                    let mut total = [T::ZERO; COLUMNS];
                    let total = &mut total[..columns.len()];
                    let positions = &sorted_positions[start..start + run.len()];
                    let terms = positions.iter().map(|&position| {
                        let row = (position / p.length) as usize;
                        let factor = factors[if p.by_row == 1 { row } else { position as usize }];
                        (factor, &vectors[row * units..][columns.clone()])
                    });
                    add_scaled(total, terms);
                    let row = table[columns.clone()].iter_mut();
                    for ((value, square), &g) in row.zip(&mut squares[columns]).zip(&*total) {
                        *square += g * g;
                        *value -= rate * g * square.rsqrt();
                    }
                }
            },
        );
    });
}

/// Columns whose sums fit a few vectors.
const COLUMNS: usize = 128;

/// Calls `work` with each run of equal ids: the place of its first pair, the ids, and the rows that
/// they name in tables whose first row is `first`. On all threads where there are many: ids are
/// sorted, so the two halves of a batch, cut between two ids, write different halves of the tables.
pub(super) fn for_runs<T: Real, const N: usize>(
    ids: &[u32],
    units: usize,
    first: u32,
    tables: [&mut [T]; N],
    work: impl Fn(usize, &[u32], [&mut [T]; N]) + Send + Sync,
) {
    let mut stretches = Vec::new();
    let least = (1 << 15).max(ids.len() * units / (8 * team::threads()));
    Stretch { ids, first, start: 0, tables }.cut(units, least, &mut stretches);
    team::each(stretches.into_iter(), |stretch| stretch.each_run(units, &work));
}

/// Some of a batch's sorted ids, and the rows of the tables that they may name.
struct Stretch<'a, T, const N: usize> {
    ids: &'a [u32],
    /// Of the tables.
    first: u32,
    /// Place of the first id in the batch.
    start: usize,
    tables: [&'a mut [T]; N],
}

impl<T: Real, const N: usize> Stretch<'_, T, N> {
    /// Cuts it between two ids into parts of about `least` numbers.
    fn cut<'a>(self, units: usize, least: usize, parts: &mut Vec<Stretch<'a, T, N>>)
    where
        Self: 'a,
    {
        let Stretch { ids, first, start, tables } = self;
        let cut = match ids.len() * units > least {
            true => ids.partition_point(|&id| id < ids[ids.len() / 2]),
            false => 0,
        };
        if cut == 0 {
            return parts.push(Stretch { ids, first, start, tables });
        }
        let at = (ids[cut] - first) as usize * units;
        let mut low: [&mut [T]; N] = std::array::from_fn(|_| &mut [][..]);
        let mut high: [&mut [T]; N] = std::array::from_fn(|_| &mut [][..]);
        for ((table, low), high) in tables.into_iter().zip(&mut low).zip(&mut high) {
            (*low, *high) = table.split_at_mut(at);
        }
        let (low_ids, high_ids) = ids.split_at(cut);
        Stretch { ids: low_ids, first, start, tables: low }.cut(units, least, parts);
        let start = start + cut;
        Stretch { ids: high_ids, first: ids[cut], start, tables: high }.cut(units, least, parts);
    }

    fn each_run(self, units: usize, work: &impl Fn(usize, &[u32], [&mut [T]; N])) {
        let Stretch { ids, first, mut start, mut tables } = self;
        for run in ids.chunk_by(|a, b| a == b) {
            let at = (run[0] - first) as usize * units;
            let mut rows: [&mut [T]; N] = std::array::from_fn(|_| &mut [][..]);
            for (table, row) in tables.iter_mut().zip(&mut rows) {
                *row = &mut table[at..][..units];
            }
            work(start, run, rows);
            start += run.len();
        }
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [positions, rows, units, code]: Sizes) -> Dispatch {
    c.moves(positions * (3 + units) + 4 * rows * units);
    let length = code.div_ceil(2);
    let vectors = positions.div_ceil(length);
    let [ids, places] = c.sorted_pairs(positions, rows);
    let by_row = code % 2;
    // Tests hold a piece of the table, often not the first.
    let (first, rows) = match c.is_bench() {
        true => (0, rows),
        false => (rows / 3, rows - rows / 3 - rows / 4),
    };
    let bindings = Bindings {
        sorted_ids: c.words(ids),
        sorted_positions: c.words(places),
        vectors: c.random(vectors * units, 1.0),
        factors: c.random(if by_row == 1 { vectors } else { positions }, 1.0),
        table: c.random(rows * units, 1.0),
        squares: c.between(rows * units, 0.1, 2.0),
    };
    c.expect(bindings.table, summed(positions));
    c.expect(bindings.squares, summed(positions));
    let params = Params {
        positions: positions as u32,
        units: units as u32,
        length: length as u32,
        by_row: by_row as u32,
        first: first as u32,
        rows: rows as u32,
        rate: 0.1,
    };
    dispatch(params, bindings)
}
