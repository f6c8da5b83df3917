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
// Bags (`length` > 0) are as in embedding_gradient.wgsl. Where `outer` = 1 the table is read by a dense
// layer of one unit: position p, the t-th of row b, has the gradient scales[b] d_output[t, :], with
// the gradient of the row's logit as scales and the layer's weights [length, units] as d_output, so
// that the product is never written down. Rows of items: see shared/rows.wgsl.
//
// A GPU waits half a microsecond for what it loads, and a pair's row hangs on its position: so AHEAD pairs are asked for at a
// time, of whatever runs, and added in their order.

const AHEAD: u32 = 8u;

// Stores column `c` of what a tile holds of the run that begins with pair `begin`; `goes_on` says that the next tile has more of it.
fn store_run(tile: u32, begin: u32, id: u32, goes_on: bool, sum: Item, columns: u32, c: u32) {
    // Below `first` it wraps to a number that no table reaches.
    let at = select(id - params.first, begin, params.compact == 1u);
    if at >= params.rows {
        return;
    }
    let start = tile * TILE;
    if begin == start && start > 0u && sorted_ids[max(start, 1u) - 1u] == id {
        heads[tile * columns + c] = sum;
    } else if goes_on {
        tails[tile * columns + c] = sum;
    } else {
        gradient[at * columns + c] = sum;
    }
}

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let tile = row_index(workgroup, workgroups, local);
    let start = tile * TILE;
    let columns = params.units / WIDE;
    let c = own_column(workgroup, local);
    if start >= params.positions || c >= columns {
        return;
    }
    let end = min(start + TILE, params.positions);
    var begin = start;
    var id = sorted_ids[start];
    var sum: Item;
    for (var p = start; p < end; p += AHEAD) {
        var ids: array<u32, AHEAD>;
        var terms: array<Item, AHEAD>;
        for (var i = 0u; i < AHEAD; i++) {
            let at = min(p + i, end - 1u);
            ids[i] = sorted_ids[at];
            terms[i] = term(sorted_positions[at], ids[i], columns, c);
        }
        for (var i = 0u; i < AHEAD; i++) {
            if p + i < end {
                if ids[i] != id {
                    store_run(tile, begin, id, false, sum, columns, c);
                    begin = p + i;
                    id = ids[i];
                    sum = Item();
                }
                sum += terms[i];
            }
        }
    }
    let goes_on = end < params.positions && sorted_ids[min(end, params.positions - 1u)] == id;
    store_run(tile, begin, id, goes_on, sum, columns, c);
}
