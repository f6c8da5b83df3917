// embedding_bag (see embedding_bag.wgsl) where a CPU plays the lanes: an invocation goes from one id that it holds a row of to
// the next. Rows of items: see shared/rows.wgsl.

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
    let range = ids_of(row);
    var l = range.x;
    let end = range.y;
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
    let columns = params.units / WIDE;
    let c = own_column(workgroup, local);
    if row >= params.rows || c >= columns {
        return;
    }
    let sum = sum_row(row, c, columns);
    finish(row, c, sum.total, sum.count);
}
