// Adagrad (see adagrad.wgsl) on the rows of a table that a batch names, and on no others:
// shared/named_rows.wgsl finds them.

fn move_item(at: u32, g: Item, rate: f32) {
    let square = squares[at] + g * g;
    squares[at] = square;
    weights[at] -= rate * g / sqrt(square + params.offset);
}
