//! Gradient of an embedding from sorted ids, second half: joins the runs that cross tiles.

use super::Real;
#[cfg(feature = "unstable")]
use super::case::*;
use super::embedding_gradient_runs::TILE;

kernel! {
    name: "embedding_gradient_carry",
    params: {
        /// Ids in the batch.
        positions: u32,
        /// Width of the table.
        units: u32,
        /// First row of the table whose gradient the binding holds.
        first: u32,
        /// Rows that it holds; all there are where `compact`.
        rows: u32,
        /// 1: a run's row of `gradient` is the place of its first pair; 0: its id.
        compact: u32,
    },
    bindings: {
        /// `[positions]`, ascending
        sorted_ids: read u32,
        /// `[tiles, units]`
        heads: read f32 as Item,
        /// `[tiles, units]`
        tails: read f32 as Item,
        /// `[rows, units]`; where `compact` `[positions, units]`.
        gradient: write f32 as Item,
    },
    items: {
        width: |p| p.units,
        rows: |p| (p.positions as usize).div_ceil(TILE),
        source: [wgsl!("shared/runs.wgsl"), wgsl!("software/embedding_gradient_carry.wgsl")],
        hardware: {
            groups: 1,
            source: [wgsl!("shared/runs.wgsl"), wgsl!("shared/long_runs.wgsl"), wgsl!("embedding_gradient_carry.wgsl")],
        },
    },
    loop_iterations: |p| p.positions as u64 / TILE as u64 + TILE as u64,
    reference: reference,
    case: case,
    benches: [("32768 ids of 20000 x 64", [32_768, 20_000, 64, 1])],
}

fn reference<T: Real>(
    p: &Params,
    sorted_ids: &[u32],
    heads: &[T],
    tails: &[T],
    gradient: &mut [T],
) {
    let (positions, units) = (p.positions as usize, p.units as usize);
    for tile in 0..positions.div_ceil(TILE) {
        let (start, next) = (tile * TILE, (tile + 1) * TILE);
        if next >= positions || sorted_ids[next] != sorted_ids[next - 1] {
            continue;
        }
        let id = sorted_ids[next - 1];
        if start > 0 && sorted_ids[start - 1] == id {
            continue;
        }
        let row = match p.compact {
            1 => (start..next).find(|&i| sorted_ids[i] == id).map(|i| i as u32),
            _ => id.checked_sub(p.first).filter(|&row| row < p.rows),
        };
        let Some(row) = row else { continue };
        let sums = &mut gradient[row as usize * units..][..units];
        sums.copy_from_slice(&tails[tile * units..][..units]);
        for head in (next..positions).step_by(TILE).take_while(|&p| sorted_ids[p] == id) {
            let row = &heads[head / TILE * units..][..units];
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value);
        }
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, rows, units, b]: Sizes) -> Dispatch {
    let positions = a * b;
    let tiles = positions.div_ceil(TILE);
    let compact = if c.is_bench() { 0 } else { (b % 2) as u32 };
    c.moves(3 * tiles * units);
    let [first, held] = c.piece(rows, b);
    let [ids, _] = c.sorted_pairs(positions, rows);
    let bindings = Bindings {
        sorted_ids: c.words(ids),
        heads: c.random(tiles * units, 1.0),
        tails: c.random(tiles * units, 1.0),
        gradient: c.output(if compact == 1 { positions } else { held } * units, summed(tiles)),
    };
    let params = Params {
        positions: positions as u32,
        units: units as u32,
        first: first as u32,
        rows: if compact == 1 { u32::MAX } else { held as u32 },
        compact,
    };
    dispatch(params, bindings)
}
