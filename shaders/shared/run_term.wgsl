// What a sorted pair adds to the sum of its id's run: see embedding_gradient_runs.wgsl.

// position / length. Lanes that are played divide integers one by one; the quotient of floats is off by
// less than one for fewer than five million rows.
fn row_of(position: u32) -> u32 {
    let row = i32(f32(position) * (1.0 / f32(params.length)));
    let rest = i32(position) - row * i32(params.length);
    return u32(select(select(row, row - 1, rest < 0), row + 1, rest >= i32(params.length)));
}

fn term(position: u32, id: u32, columns: u32, c: u32) -> Item {
    if params.length == 0u {
        return d_output[position * columns + c];
    }
    let row = row_of(position);
    let place = position - row * params.length;
    let is_padding = id == 0u && params.outer == 0u;
    let scale = select(scales[row], 0.0, is_padding);
    return scale * d_output[select(row, place, params.outer == 1u) * columns + c];
}
