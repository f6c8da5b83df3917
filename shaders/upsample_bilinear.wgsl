// output[r, y, x, c] = input [rows, height, width, channels] between its pixels (shared/bilinear.wgsl). Rows of items
// (shared/rows.wgsl): a row is a pixel of the output, its columns the channels.

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    var pixel = row_index(workgroup, workgroups, local);
    let count = params.rows * params.height * params.size_height * params.width * params.size_width;
    let is_inside = pixel < count;
    if SOFTWARE {
        pixel = min(pixel, count - 1u);
    } else if !is_inside {
        return;
    }
    let columns = params.channels / WIDE;
    let spot = pixel_at(pixel, params.height * params.size_height, params.width * params.size_width);
    let x = between(spot.x, params.size_width, params.width);
    let y = between(spot.y, params.size_height, params.height);
    let top = spot.picture * params.height;
    let low = (top + y.low) * params.width;
    let high = (top + y.high) * params.width;
    for (var i = 0u; i < ROW_ITEMS; i++) {
        var c = column_at(workgroup, local, i);
        if SOFTWARE {
            c = min(c, columns - 1u);
        } else if c >= columns {
            return;
        }
        let above = input[(low + x.low) * columns + c] * (1.0 - x.share) + input[(low + x.high) * columns + c] * x.share;
        let below = input[(high + x.low) * columns + c] * (1.0 - x.share) + input[(high + x.high) * columns + c] * x.share;
        let value = above * (1.0 - y.share) + below * y.share;
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            output[pixel * columns + c] = value;
        }
    }
}
