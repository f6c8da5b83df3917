// embedding_gradient_runs (see embedding_gradient_runs.wgsl) where a CPU plays the lanes: an invocation sums one run behind
// another. Rows of items: see shared/rows.wgsl.

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
        total += term(position, id, columns, c);
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
    let c = own_column(workgroup, local);
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
