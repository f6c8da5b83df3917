// output[r, :] = activation(scale * sum of table[ids[r, l], :] over the l with ids[r, l] != 0 + bias):
// what a dense layer gives for a bag of words, whose row of counts is never made. The scale is 1
// (mode = 0), 1 / n (1) or 1 / sqrt(n) (2), n the ids of the row that are not 0, at least 1; it
// goes to scales[r] too, for the gradient. Row r's ids are those from r length on, `length` of them; where
// `ragged` = 1, those from starts[r] up to starts[r + 1].
//
// The binding holds `table_rows` rows of the table from `first` on: a table larger than a binding is
// summed in pieces, each adding (`adds`) to the sums of those before, and the last (`ends`) doing
// the rest. Rows of items: see shared/rows.wgsl.

const AHEAD: u32 = 4u;

// Row r's sum for one column of items, and how many of its ids are not 0.
struct Sum {
    total: Item,
    count: u32,
}

fn sum_row(row: u32, column: u32, columns: u32) -> Sum {
    var total: Item;
    if params.adds == 1u {
        total = output[row * columns + column];
    }
    var count = 0u;
    // Of rows of one length, `starts` is not read.
    let at = select(0u, row, params.ragged == 1u);
    var l = select(row * params.length, starts[at], params.ragged == 1u);
    let end = select(l + params.length, starts[at + params.ragged], params.ragged == 1u);
    // A GPU waits half a microsecond for what it loads, and a row hangs on its id: so four are asked for at a time.
    if !SOFTWARE {
        for (; l < end; l += AHEAD) {
            var held: array<Item, AHEAD>;
            for (var i = 0u; i < AHEAD; i++) {
                let id = select(0u, ids[min(l + i, end - 1u)], l + i < end);
                count += select(0u, 1u, id != 0u);
                // Below `first` it wraps to a number that no table reaches.
                let table_row = id - params.first;
                held[i] = Item();
                if id != 0u && table_row < params.table_rows {
                    held[i] = table[table_row * columns + column];
                }
            }
            for (var i = 0u; i < AHEAD; i++) {
                total += held[i];
            }
        }
        return Sum(total, count);
    }
    loop {
        // To the next id that is no padding and held here.
        var table_row = params.table_rows;
        while table_row >= params.table_rows && l < end {
            let id = ids[l];
            count += select(0u, 1u, id != 0u);
            // Below `first` it wraps to a number that no table reaches.
            table_row = select(id - params.first, params.table_rows, id == 0u);
            l++;
        }
        if table_row >= params.table_rows {
            break;
        }
        total += table[table_row * columns + column];
    }
    return Sum(total, count);
}

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let row = row_index(workgroup, workgroups, local);
    if row >= params.rows {
        return;
    }
    let columns = params.units / WIDE;
    for (var i = 0u; i < ROW_ITEMS; i++) {
        let c = column_at(workgroup, local, i);
        if c >= columns {
            return;
        }
        let sum = sum_row(row, c, columns);
        if params.ends == 0u {
            output[row * columns + c] = sum.total;
            continue;
        }
        var scale = 1.0;
        if params.mode == 1u {
            scale = 1.0 / f32(max(sum.count, 1u));
        } else if params.mode == 2u {
            scale = 1.0 / sqrt(f32(max(sum.count, 1u)));
        }
        if c == 0u {
            scales[row] = scale;
        }
        var z = sum.total * scale;
        if params.bias == 1u {
            z += bias[c];
        }
        output[row * columns + c] = activate_item(params.activation, z);
    }
}
