// d_input[r, y, x, c] = the sum, over the windows that see (y, x) and whose largest number it was, of
// d_output. Rows of items (shared/rows.wgsl), their columns the channels: a row is a pixel of
// d_input [rows, height, width, channels], or where no two windows see the same (`are_apart`) a place, which reads its number
// and its gradient once for all pixels of its cell.

fn at_pixel(pixel: u32, c: u32, columns: u32) -> Item {
    let spot = pixel_at(pixel, params.height, params.width);
    let top = spot.picture * params.out_height;
    let down = window_places(spot.y, params.stride_height, params.before_height, params.pool_height, params.out_height);
    let across = window_places(spot.x, params.stride_width, params.before_width, params.pool_width, params.out_width);
    var sum = Item();
    for (var row = down.x; row < down.y; row++) {
        let in_window = (spot.y + params.before_height - row * params.stride_height) * params.pool_width;
        for (var column = across.x; column < across.y; column++) {
            let number = Item(f32(in_window + spot.x + params.before_width - column * params.stride_width));
            let at = ((top + row) * params.out_width + column) * columns + c;
            sum += select(Item(), d_output[at], places[at] == number);
        }
    }
    return sum;
}

fn fill_cell(place: u32, c: u32, columns: u32) {
    let spot = pixel_at(place, params.out_height, params.out_width);
    let number = places[place * columns + c];
    let gradient = d_output[place * columns + c];
    let down = window_cell(spot.y, params.stride_height, params.before_height, params.out_height, params.height);
    let across = window_cell(spot.x, params.stride_width, params.before_width, params.out_width, params.width);
    for (var y = down.x; y < down.y; y++) {
        let in_height = y + params.before_height - spot.y * params.stride_height;
        for (var x = across.x; x < across.y; x++) {
            let in_width = x + params.before_width - spot.x * params.stride_width;
            let inside = in_height < params.pool_height && in_width < params.pool_width;
            // A number that none is, where the window does not see the pixel.
            let own = select(-1.0, f32(in_height * params.pool_width + in_width), inside);
            let at = ((spot.picture * params.height + y) * params.width + x) * columns + c;
            d_input[at] = select(Item(), gradient, number == Item(own));
        }
    }
}

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let are_apart = params.stride_height >= params.pool_height && params.stride_width >= params.pool_width;
    var row = row_index(workgroup, workgroups, local);
    let of_picture = select(params.height * params.width, params.out_height * params.out_width, are_apart);
    let count = params.rows * of_picture;
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
        // What was done again for a lane past the edge is not stored again: that would be a race.
        let stores = !SOFTWARE || (is_inside && c == column_at(workgroup, local, i));
        if are_apart {
            if stores {
                fill_cell(row, c, columns);
            }
        } else {
            let sum = at_pixel(row, c, columns);
            if stores {
                d_input[row * columns + c] = sum;
            }
        }
    }
}
