// output[r, c] = the mean of input [rows, places, channels] over its places. Rows of items (shared/rows.wgsl): a row is a
// row of the batch, its columns the channels.

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    var row = row_index(workgroup, workgroups, local);
    let count = params.rows;
    let is_inside = row < count;
    if SOFTWARE {
        row = min(row, count - 1u);
    } else if !is_inside {
        return;
    }
    let columns = params.channels / WIDE;
    for (var i = 0u; i < ROW_ITEMS; i++) {
        var c = column_at(workgroup, local, i);
        if SOFTWARE {
            c = min(c, columns - 1u);
        } else if c >= columns {
            return;
        }
        var sum = Item();
        for (var place = 0u; place < params.places; place++) {
            sum += input[(row * params.places + place) * columns + c];
        }
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            output[row * columns + c] = sum / f32(params.places);
        }
    }
}
