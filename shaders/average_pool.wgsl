// output[r, y, x, c] = the mean of input [rows, height, width, channels] over the pixels that the window at (y, x) sees.
// Rows of items (shared/rows.wgsl): a row is a place, its columns the channels.

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    var place = row_index(workgroup, workgroups, local);
    let count = params.rows * params.out_height * params.out_width;
    let is_inside = place < count;
    if SOFTWARE {
        place = min(place, count - 1u);
    } else if !is_inside {
        return;
    }
    let spot = pixel_at(place, params.out_height, params.out_width);
    let top = spot.picture * params.height;
    let columns = params.channels / WIDE;
    let down = window_rows(spot.y, params.stride_height, params.before_height, params.pool_height, params.height);
    let across = window_rows(spot.x, params.stride_width, params.before_width, params.pool_width, params.width);
    let share = 1.0 / f32((down.y - down.x) * (across.y - across.x));
    for (var i = 0u; i < ROW_ITEMS; i++) {
        var c = column_at(workgroup, local, i);
        if SOFTWARE {
            c = min(c, columns - 1u);
        } else if c >= columns {
            return;
        }
        var sum = Item();
        for (var row = down.x; row < down.y; row++) {
            for (var column = across.x; column < across.y; column++) {
                sum += input[((top + row) * params.width + column) * columns + c];
            }
        }
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            output[place * columns + c] = sum * share;
        }
    }
}
