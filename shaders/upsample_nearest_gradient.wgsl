// d_input[r, y, x, c] = the sum of d_output over the size_height x size_width pixels that (y, x) of [rows, height, width,
// channels] became. Rows of items (shared/rows.wgsl): a row is a pixel of d_input, its columns the channels.

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
    let line = pixel / params.width;
    let x = pixel % params.width;
    let out_width = params.width * params.size_width;
    let first = line * params.size_height * out_width + x * params.size_width;
    for (var i = 0u; i < ROW_ITEMS; i++) {
        var c = column_at(workgroup, local, i);
        if SOFTWARE {
            c = min(c, columns - 1u);
        } else if c >= columns {
            return;
        }
        var sum = Item();
        for (var row = 0u; row < params.size_height; row++) {
            for (var column = 0u; column < params.size_width; column++) {
                sum += d_output[(first + row * out_width + column) * columns + c];
            }
        }
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            d_input[pixel * columns + c] = sum;
        }
    }
}
