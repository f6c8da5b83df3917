//! Gradient of an embedding from sorted ids: rows of `d_output` summed over runs of equal ids.
//!
//! The sorted pairs are cut into tiles of [`TILE`]. A run within a tile goes straight to the
//! gradient; of a run across tiles, the part that came in goes to `heads`, the part where it
//! began to `tails`, and [`super::embedding_gradient_carry`] joins them. Every sum has one fixed
//! order, and the work is linear in the ids, however often one of them stands.

#[cfg(feature = "unstable")]
use super::case::*;
use super::embedding_gradient::add_position;
use super::{Real, add_scaled, team};

/// Sorted pairs that one invocation walks; `TILE` of `shaders/shared/runs.wgsl`.
pub const TILE: usize = 64;

kernel! {
    name: "embedding_gradient_runs",
    params: {
        /// Ids in the batch.
        positions: u32,
        /// Width of the table.
        units: u32,
        /// Ids of a bag ([`super::embedding_bag`]); 0 for an embedding.
        length: u32,
        /// First row of the table whose gradient the binding holds.
        first: u32,
        /// Rows that it holds; all there are where `compact`.
        rows: u32,
        /// 1: a run's row of `gradient` is the place of its first pair; 0: its id.
        compact: u32,
        /// 1: position p, the t-th of row b, has the gradient `scales[b] d_output[t, :]`.
        outer: u32,
    },
    bindings: {
        /// `[positions]`, ascending
        sorted_ids: read u32,
        /// `[positions]`
        sorted_positions: read u32,
        /// `[positions, units]`; of bags `[rows, units]`; where `outer` `[length, units]`, the weights of
        /// the dense layer of one unit that reads the table.
        d_output: read f32 as Item,
        /// `[rows]`: what each bag's sum was multiplied by; where `outer` the logits' gradients.
        scales: read f32,
        /// `[rows, units]`, zero before; where `compact` `[positions, units]`.
        gradient: write f32 as Item,
        /// `[tiles, units]`
        heads: write f32 as Item,
        /// `[tiles, units]`
        tails: write f32 as Item,
    },
    items: {
        width: |p| p.units,
        rows: |p| (p.positions as usize).div_ceil(TILE),
        source: [wgsl!("shared/runs.wgsl"), wgsl!("shared/run_term.wgsl"), wgsl!("software/embedding_gradient_runs.wgsl")],
        wide: [wgsl!("shared/runs.wgsl"), wgsl!("shared/run_term.wgsl"), wgsl!("software/embedding_gradient_runs.wgsl")],
        hardware: {
            groups: 1,
            source: [wgsl!("shared/runs.wgsl"), wgsl!("shared/run_term.wgsl"), wgsl!("embedding_gradient_runs.wgsl")],
        },
    },
    reference: reference,
    case: case,
    benches: [("32768 ids of 20000 x 64", [32_768, 20_000, 64, 1])],
}

#[allow(clippy::too_many_arguments)]
fn reference<T: Real>(
    p: &Params,
    sorted_ids: &[u32],
    sorted_positions: &[u32],
    d_output: &[T],
    scales: &[T],
    gradient: &mut [T],
    heads: &mut [T],
    tails: &mut [T],
) {
    let (positions, units) = (p.positions as usize, p.units as usize);
    let tiles = positions.div_ceil(TILE);
    let (heads, tails) = (&mut heads[..tiles * units], &mut tails[..tiles * units]);
    let one = |tile: usize, heads: &mut [T], tails: &mut [T], gradient: &mut [T]| {
        let (mut start, limit) = (tile * TILE, positions.min((tile + 1) * TILE));
        while start < limit {
            let id = sorted_ids[start];
            let end = (start..limit).find(|&i| sorted_ids[i] != id).unwrap_or(limit);
            let positions_of_run = &sorted_positions[start..end];
            // Rows of `gradient` count from the tile's first where it is compact.
            let row = match p.compact {
                1 => Some((start - tile * TILE) as u32),
                _ => id.checked_sub(p.first).filter(|&row| row < p.rows),
            };
            let came_in = start > 0 && sorted_ids[start - 1] == id;
            let goes_on = end < positions && sorted_ids[end] == id;
            start = end;
            let Some(row) = row else { continue };
            let sums = if came_in {
                &mut *heads
            } else if goes_on {
                &mut *tails
            } else {
                &mut gradient[row as usize * units..][..units]
            };
            sums.fill(T::ZERO);
            if p.outer == 1 {
                let length = p.length as usize;
                super::vectorised(
                    #[inline(always)]
                    || {
                        let terms = positions_of_run.iter().map(|&position| {
                            let (b, t) = (position as usize / length, position as usize % length);
                            (scales[b], &d_output[t * units..][..units])
                        });
                        add_scaled(sums, terms);
                    },
                );
                continue;
            }
            if p.length > 0 && id == 0 {
                continue;
            }
            for &position in positions_of_run {
                add_position(p.length, units, position as usize, d_output, scales, sums);
            }
        }
    };
    let edges = heads.chunks_exact_mut(units).zip(tails.chunks_exact_mut(units)).enumerate();
    if p.compact == 0 {
        // In tiles' order: two of them may share a row.
        return edges.for_each(|(tile, (heads, tails))| one(tile, heads, tails, gradient));
    }
    let gradient = &mut gradient[..positions * units];
    let tiles = edges.zip(gradient.chunks_mut(TILE * units));
    team::each_where(positions * units >= 1 << 16, tiles, |((tile, (heads, tails)), sums)| {
        one(tile, heads, tails, sums);
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, rows, units, b]: Sizes) -> Dispatch {
    let positions = a * b;
    c.moves(positions * (2 + units) + rows * units);
    let tiles = positions.div_ceil(TILE);
    let [first, held] = c.piece(rows, b);
    let [length, d_rows] = c.bags(positions, b);
    let outer = length > 0 && rows % 2 == 1;
    let d_rows_read = if outer { length } else { d_rows };
    let [ids, places] = c.sorted_pairs(positions, rows);
    let compact = if c.is_bench() { 0 } else { b % 2 };
    let mut zeros = |count| {
        let span = c.zeros(count);
        c.expect(span, summed(TILE))
    };
    let gradient_rows = if compact == 1 { positions } else { held };
    let (gradient, heads, tails) =
        (zeros(gradient_rows * units), zeros(tiles * units), zeros(tiles * units));
    let bindings = Bindings {
        sorted_ids: c.words(ids),
        sorted_positions: c.words(places),
        d_output: c.random(d_rows_read * units, 1.0),
        scales: c.random(d_rows, 1.0),
        gradient,
        heads,
        tails,
    };
    let params = Params {
        positions: positions as u32,
        units: units as u32,
        length: length as u32,
        first: first as u32,
        rows: if compact == 1 { u32::MAX } else { held as u32 },
        compact: compact as u32,
        outer: outer as u32,
    };
    dispatch(params, bindings)
}
