// d_input[r, p, c] = d_output[r, c] / places activation'(input[r, p, c]). Rows of items (shared/rows.wgsl): a row is a
// place of a row of the batch, its columns the channels.

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    var place = row_index(workgroup, workgroups, local);
    let count = params.rows * params.places;
    let is_inside = place < count;
    if SOFTWARE {
        place = min(place, count - 1u);
    } else if !is_inside {
        return;
    }
    let columns = params.channels / WIDE;
    let share = 1.0 / f32(params.places);
    let first = place / params.places * columns;
    for (var i = 0u; i < ROW_ITEMS; i++) {
        var c = column_at(workgroup, local, i);
        if SOFTWARE {
            c = min(c, columns - 1u);
        } else if c >= columns {
            return;
        }
        let slope = derivative_item(params.activation, input[place * columns + c]);
        let d = d_output[first + c] * share * slope;
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            d_input[place * columns + c] = d;
        }
    }
}
