// d_input[r, y, x, c] = the sum of d_output over the windows that see (y, x), each divided by the pixels that it sees,
// times activation'(input). Rows of items (shared/rows.wgsl): a row is a pixel of d_input [rows, height, width,
// channels], its columns the channels.

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    var pixel = row_index(workgroup, workgroups, local);
    let count = params.rows * params.height * params.width;
    let is_inside = pixel < count;
    if SOFTWARE {
        pixel = min(pixel, count - 1u);
    } else if !is_inside {
        return;
    }
    let spot = pixel_at(pixel, params.height, params.width);
    let top = spot.picture * params.out_height;
    let columns = params.channels / WIDE;
    let down = window_places(spot.y, params.stride_height, params.before_height, params.pool_height, params.out_height);
    let across = window_places(spot.x, params.stride_width, params.before_width, params.pool_width, params.out_width);
    for (var i = 0u; i < ROW_ITEMS; i++) {
        var c = column_at(workgroup, local, i);
        if SOFTWARE {
            c = min(c, columns - 1u);
        } else if c >= columns {
            return;
        }
        var sum = Item();
        for (var row = down.x; row < down.y; row++) {
            let tall = window_rows(row, params.stride_height, params.before_height, params.pool_height, params.height);
            for (var column = across.x; column < across.y; column++) {
                let wide = window_rows(column, params.stride_width, params.before_width, params.pool_width, params.width);
                let share = 1.0 / f32((tall.y - tall.x) * (wide.y - wide.x));
                sum += d_output[((top + row) * params.out_width + column) * columns + c] * share;
            }
        }
        let slope = derivative_item(params.activation, input[pixel * columns + c]);
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            d_input[pixel * columns + c] = sum * slope;
        }
    }
}
