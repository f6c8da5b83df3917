// Sums d_output rows over runs of equal ids, given (id, position) pairs sorted by id. The pairs
// are cut into tiles of TILE; an invocation walks a tile for some of its columns. A run
// that lies within the tile goes straight to its row of the gradient. The part of a run that came in
// from the tile before goes to heads[tile, :]; the part of a run that began here and goes on
// into the next tile goes to tails[tile, :]. embedding_gradient_carry joins those.
//
// The row of a run is its id's in the table's gradient, which must be zero before, since rows that no
// id names are not written; the binding holds `rows` rows of it from `first` on, and runs of other
// ids are left to other pieces. Or (`compact` = 1) it is the place of the run's first pair: only
// those rows of `gradient` [positions, units] mean anything.
//
// Bags (`length` > 0) are as in embedding_gradient.wgsl. Rows of items: see shared/rows.wgsl.

struct Params {
    positions: u32,
    units: u32,
    length: u32,
    first: u32,
    rows: u32,
    compact: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sorted_ids: array<u32>;
@group(0) @binding(2) var<storage, read> sorted_positions: array<u32>;
@group(0) @binding(3) var<storage, read> d_output: array<Item>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;
@group(0) @binding(5) var<storage, read_write> gradient: array<Item>;
@group(0) @binding(6) var<storage, read_write> heads: array<Item>;
@group(0) @binding(7) var<storage, read_write> tails: array<Item>;

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let tile = row_index(workgroup, workgroups, local);
    let start = tile * TILE;
    if start >= params.positions {
        return;
    }
    let end = min(start + TILE, params.positions);
    let columns = params.units / WIDE;
    let columns_end = column_end(workgroup, columns);
    for (var c = column_begin(workgroup, local); c < columns_end; c += ROW_LANES) {
        var total = Item(0.0);
        var id = sorted_ids[start];
        var begin = start;
        var came_in = start > 0u && sorted_ids[start - 1u] == id;
        for (var p = start; p < end; p++) {
            var row = sorted_positions[p];
            if params.length > 0u {
                row /= params.length;
                let scale = select(scales[row], 0.0, id == 0u);
                total = fma(Item(scale), d_output[row * columns + c], total);
            } else {
                total += d_output[row * columns + c];
            }
            let is_last = p + 1u >= params.positions;
            let next = sorted_ids[min(p + 1u, params.positions - 1u)];
            let goes_on = !is_last && next == id;
            if goes_on && p + 1u < end {
                continue;
            }
            // Below `first` it wraps to a number that no table reaches.
            var at = id - params.first;
            if params.compact == 1u {
                at = begin;
            }
            if at < params.rows {
                if came_in {
                    heads[tile * columns + c] = total;
                } else if goes_on {
                    tails[tile * columns + c] = total;
                } else {
                    gradient[at * columns + c] = total;
                }
            }
            total = Item(0.0);
            came_in = false;
            id = next;
            begin = p + 1u;
        }
    }
}
