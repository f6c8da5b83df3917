// What the forms of embedding_bag share: where a row's ids lie, and what becomes of their sum.

// The first of row r's ids, and the one behind its last.
fn ids_of(row: u32) -> vec2u {
    // Of rows of one length, `starts` is not read.
    let at = select(0u, row, params.ragged == 1u);
    let begin = select(row * params.length, starts[at], params.ragged == 1u);
    let end = select(begin + params.length, starts[at + params.ragged], params.ragged == 1u);
    return vec2u(begin, end);
}

// Stores the sum of a row's `count` ids, of one column of items.
fn finish(row: u32, column: u32, total: Item, count: u32) {
    let at = row * (params.units / WIDE) + column;
    if params.ends == 0u {
        output[at] = total;
        return;
    }
    var scale = 1.0;
    if params.mode == 1u {
        scale = 1.0 / f32(max(count, 1u));
    } else if params.mode == 2u {
        scale = 1.0 / sqrt(f32(max(count, 1u)));
    }
    if column == 0u {
        scales[row] = scale;
    }
    var z = total * scale;
    if params.bias == 1u {
        z += bias[column];
    }
    output[at] = activate_item(params.activation, z);
}
