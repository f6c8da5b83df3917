// Joins the runs that cross tiles: where a run began in a tile and went on, its row of the gradient is
// tails[tile, :] plus heads[next tiles, :] in order; see embedding_gradient_runs.wgsl. Invocations
// of tiles where no such run begins do nothing. Rows of items: see shared/rows.wgsl.
//
// Most runs cross one border, and a few, of the most frequent ids, thousands: of those with more than SHORT heads the
// 32 groups of eight invocations of a workgroup add every 32nd head each, and their sums are added in order.

const SHORT: u32 = 8u;

// By group: where the gradient's row is of the run that begins in its tile, and how many heads it has.
var<workgroup> run_rows: array<u32, 32>;
var<workgroup> run_heads: array<u32, 32>;

// Whether a tile begins with an id.
fn begins_with(tile: u32, id: u32) -> bool {
    return tile * TILE < params.positions && sorted_ids[min(tile * TILE, params.positions - 1u)] == id;
}

// Notes the run that begins in a tile and goes on; returns how many heads it has, none where there is no such run.
fn note_run(tile: u32, group: u32) -> u32 {
    let start = tile * TILE;
    let end = start + TILE;
    if end >= params.positions {
        return 0u;
    }
    let id = sorted_ids[end - 1u];
    let began_before = start > 0u && sorted_ids[max(start, 1u) - 1u] == id;
    if began_before || sorted_ids[end] != id {
        return 0u;
    }
    var at = id - params.first;
    if params.compact == 1u {
        at = end_of(start, end, 1u, id, false);
    }
    if at >= params.rows {
        return 0u;
    }
    var heads_here = 0u;
    for (var i = 1u; i <= SHORT + 1u; i++) {
        heads_here += select(0u, 1u, begins_with(tile + i, id));
    }
    if heads_here > SHORT {
        let tiles = (params.positions + TILE - 1u) / TILE;
        heads_here = end_of(tile + 1u, tiles, TILE, id, true) - (tile + 1u);
        note_long_run(group);
    }
    run_rows[group] = at;
    return heads_here;
}

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let tile = row_index(workgroup, workgroups, local);
    let first_tile = tile - local.y;
    let columns = params.units / WIDE;
    let c = own_column(workgroup, local);
    clear_long_runs(local);
    if local.x == 0u {
        run_heads[local.y] = note_run(tile, local.y);
    }
    var rest = all_long_runs(local);
    let heads_here = run_heads[local.y];
    if heads_here > 0u && heads_here <= SHORT && c < columns {
        var total = tails[tile * columns + c];
        for (var i = 1u; i <= heads_here; i++) {
            total += heads[(tile + i) * columns + c];
        }
        gradient[run_rows[local.y] * columns + c] = total;
    }
    while rest != 0u {
        let group = firstTrailingBit(rest);
        rest &= rest - 1u;
        let first = first_tile + group + 1u;
        let count = run_heads[group];
        var sum: Item;
        if c < columns {
            for (var i = local.y; i < count; i += 32u) {
                sum += heads[(first + i) * columns + c];
            }
        }
        let total = sum_of_groups(local, sum);
        if local.y == 0u && c < columns {
            gradient[run_rows[group] * columns + c] = tails[(first - 1u) * columns + c] + total;
        }
    }
}
