// Gathers rows of an embedding table: output[p, :] = table[ids[p] - first, :]. The table may be one
// piece of several, which holds `rows` rows from `first` on: positions whose id lies elsewhere are
// left to the other pieces. (Where SOFTWARE it is whole.) Rows of items: see shared/rows.wgsl.

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    var position = row_index(workgroup, workgroups, local);
    let is_inside = position < params.positions;
    if SOFTWARE {
        position = min(position, params.positions - 1u);
    } else if position >= params.positions {
        return;
    }
    // Below `first` it wraps to a number that no table reaches.
    let row = ids[position] - params.first;
    if !SOFTWARE && row >= params.rows {
        return;
    }
    let columns = params.units / WIDE;
    for (var i = 0u; i < ROW_ITEMS; i++) {
        var c = column_at(workgroup, local, i);
        if SOFTWARE {
            c = min(c, columns - 1u);
        } else if c >= columns {
            return;
        }
        let item = table[row * columns + c];
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            output[position * columns + c] = item;
        }
    }
}
