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

// position / length. Lanes that are played divide integers one by one; the quotient of floats is off by
// less than one for fewer than five million rows.
fn row_of(position: u32) -> u32 {
    let row = i32(f32(position) * (1.0 / f32(params.length)));
    let rest = i32(position) - row * i32(params.length);
    return u32(select(select(row, row - 1, rest < 0), row + 1, rest >= i32(params.length)));
}

// A run's sum for one column, and where it ended: at another id or at `end`.
struct Sum {
    total: Item,
    next: u32,
}

fn sum_run(begin: u32, end: u32, id: u32, columns: u32, c: u32) -> Sum {
    var total: Item;
    var p = begin;
    loop {
        let position = sorted_positions[p];
        if params.length > 0u {
            let row = row_of(position);
            let place = position - row * params.length;
            let is_padding = id == 0u && params.outer == 0u;
            let scale = select(scales[row], 0.0, is_padding);
            total += scale * d_output[select(row, place, params.outer == 1u) * columns + c];
        } else {
            total += d_output[position * columns + c];
        }
        p++;
        if p >= end || sorted_ids[p] != id {
            break;
        }
    }
    return Sum(total, p);
}

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
    let before = sorted_ids[max(start, 1u) - 1u];
    let behind = sorted_ids[min(end, params.positions - 1u)];
    for (var i = 0u; i < ROW_ITEMS; i++) {
        let c = column_at(workgroup, local, i);
        if c >= columns {
            return;
        }
        var p = start;
        var id = sorted_ids[p];
        if start > 0u && before == id {
            let sum = sum_run(p, end, id, columns, c);
            // Below `first` it wraps to a number that no table reaches.
            if params.compact == 1u || id - params.first < params.rows {
                heads[tile * columns + c] = sum.total;
            }
            p = sum.next;
        }
        while p < end {
            id = sorted_ids[p];
            let sum = sum_run(p, end, id, columns, c);
            let at = select(id - params.first, p, params.compact == 1u);
            p = sum.next;
            if p == end && end < params.positions && behind == id {
                if at < params.rows {
                    tails[tile * columns + c] = sum.total;
                }
                break;
            }
            if at < params.rows {
                gradient[at * columns + c] = sum.total;
            }
        }
    }
}
