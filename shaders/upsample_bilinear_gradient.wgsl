// d_input[r, y, x, c] = the sum of d_output times the share that the pixel (y, x) of input [rows, height, width, channels]
// has in each (shared/bilinear.wgsl), times activation'(input). Rows of items (shared/rows.wgsl): a row is a pixel of
// d_input, its columns the channels.

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
    let columns = params.channels / WIDE;
    let spot = pixel_at(pixel, params.height, params.width);
    let top = spot.picture * params.height * params.size_height;
    let out_width = params.width * params.size_width;
    let down = reached(spot.y, params.size_height, params.height);
    let across = reached(spot.x, params.size_width, params.width);
    for (var i = 0u; i < ROW_ITEMS; i++) {
        var c = column_at(workgroup, local, i);
        if SOFTWARE {
            c = min(c, columns - 1u);
        } else if c >= columns {
            return;
        }
        var sum = Item();
        for (var row = down.x; row < down.y; row++) {
            let tall = share_of(spot.y, between(row, params.size_height, params.height));
            for (var column = across.x; column < across.y; column++) {
                let wide = share_of(spot.x, between(column, params.size_width, params.width));
                sum += d_output[((top + row) * out_width + column) * columns + c] * (tall * wide);
            }
        }
        let d = sum * derivative_item(params.activation, input[pixel * columns + c]);
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            d_input[pixel * columns + c] = d;
        }
    }
}
