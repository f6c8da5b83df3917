//! Embedding: `output[p, :] = table[ids[p], :]`, of a whole table or of a piece of its rows: each
//! piece writes the positions whose ids it holds.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows};

kernel! {
    name: "embedding_gather",
    params: {
        /// Ids in the batch: rows times length.
        positions: u32,
        /// Width of the table.
        units: u32,
        /// First row of the table that the binding holds.
        first: u32,
        /// Rows that it holds; `u32::MAX` says that it is the whole table.
        rows: u32,
    },
    bindings: {
        /// `[positions]`; each below the table's rows (checked when data is loaded).
        ids: read u32,
        /// `[rows, units]`
        table: read f32 as Item,
        /// `[positions, units]`
        output: write f32 as Item,
    },
    items: {
        width: |p| p.units,
        rows: |p| p.positions as usize,
        software: |p| p.rows == u32::MAX,
        source: [wgsl!("embedding_gather.wgsl")],
        wide: [wgsl!("embedding_gather.wgsl")],
    },
    reference: reference,
    case: case,
    benches: [("32768 ids of 20000 x 64", [32_768, 20_000, 64, 1])],
}

fn reference<T: Real>(p: &Params, ids: &[u32], table: &[T], output: &mut [T]) {
    let (positions, units) = (p.positions as usize, p.units as usize);
    for_rows(&mut output[..positions * units], units, |first, rows| {
        for (row, &id) in rows.chunks_exact_mut(units).zip(&ids[first..]) {
            if let Some(id) = id.checked_sub(p.first).filter(|&id| id < p.rows) {
                row.copy_from_slice(&table[id as usize * units..][..units]);
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [positions, rows, units, code]: Sizes) -> Dispatch {
    c.moves(positions * (1 + 2 * units));
    let [first, held] = c.piece(rows, code);
    let bindings = Bindings {
        ids: c.ids(positions, rows),
        table: c.random(held * units, 1.0),
        output: c.output(positions * units, 0.0),
    };
    let params = Params {
        positions: positions as u32,
        units: units as u32,
        first: first as u32,
        rows: if held == rows { u32::MAX } else { held as u32 },
    };
    dispatch(params, bindings)
}
