// Walks the rows of a table that a batch names, and no others: pairs (id, position) come sorted, and
// the gradient of a run of equal ids lies in gradients[p, :], p the place of its first pair. Rows that
// other pieces of the table hold are left to them. `move_item(at, g, rate)`, of the optimizer, moves
// the item at `at` by its gradient. Rows of items: see rows.wgsl.

// Pairs that eight invocations walk: where lanes are played, work that is skipped by a branch is done
// all the same, but a loop goes on to the next pair that has any.
const WALK: u32 = select(1u, 64u, SOFTWARE);

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let rate = schedule[state[BATCH_SLOT]];
    let columns = params.units / WIDE;
    var p = row_index(workgroup, workgroups, local) * WALK;
    let end = min(p + WALK, params.positions);
    if p >= end {
        return;
    }
    // Ids come sorted: here stands none of the rows that are held.
    if sorted_ids[end - 1u] < params.first || sorted_ids[p] >= params.first + params.rows {
        return;
    }
    // No id is all ones: before the first pair stands none.
    var before = 0xffffffffu;
    if p > 0u {
        before = sorted_ids[p - 1u];
    }
    loop {
        // To the next pair that begins a run of a row held here.
        var id = before;
        while p < end {
            id = sorted_ids[p];
            if id != before && id - params.first < params.rows {
                break;
            }
            before = id;
            p++;
        }
        if p >= end {
            break;
        }
        before = id;
        let row = id - params.first;
        let columns_end = walk_end(workgroup, columns);
        for (var c = walk_begin(workgroup, local); c < columns_end; c += ROW_LANES) {
            move_item(row * columns + c, gradients[p * columns + c], rate);
        }
        p++;
    }
}
