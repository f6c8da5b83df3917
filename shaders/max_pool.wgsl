// output[r, y, x, c] = the largest of input [rows, height, width, channels] in the window at (y, x), the first of equal
// ones; places the number of it in the window, where `keeps`. Rows of items (shared/rows.wgsl): a row is a place, its
// columns the channels.

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
    // A pixel (row, column) is number row pool_width + column - first of its window.
    let first = (spot.y * params.stride_height) * params.pool_width + spot.x * params.stride_width;
    let offset = params.before_height * params.pool_width + params.before_width;
    for (var i = 0u; i < ROW_ITEMS; i++) {
        var c = column_at(workgroup, local, i);
        if SOFTWARE {
            c = min(c, columns - 1u);
        } else if c >= columns {
            return;
        }
        var best = input[((top + down.x) * params.width + across.x) * columns + c];
        var number = Item(f32(down.x * params.pool_width + across.x + offset - first));
        for (var row = down.x; row < down.y; row++) {
            for (var column = across.x; column < across.y; column++) {
                let value = input[((top + row) * params.width + column) * columns + c];
                let own = Item(f32(row * params.pool_width + column + offset - first));
                number = select(number, own, value > best);
                best = select(best, value, value > best);
            }
        }
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            output[place * columns + c] = best;
            if params.keeps == 1u {
                places[place * columns + c] = number;
            }
        }
    }
}
