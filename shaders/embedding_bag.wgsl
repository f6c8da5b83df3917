// output[r, :] = activation(scale * sum of table[ids[r, l], :] over the l with ids[r, l] != 0 + bias):
// what a dense layer gives for a bag of words, whose row of counts is never made. The scale is 1
// (mode = 0), 1 / n (1) or 1 / sqrt(n) (2), n the ids of the row that are not 0, at least 1; it
// goes to scales[r] too, for the gradient. Row r's ids are those from r length on, `length` of them; where
// `ragged` = 1, those from starts[r] up to starts[r + 1].
//
// The binding holds `table_rows` rows of the table from `first` on: a table larger than a binding is
// summed in pieces, each adding (`adds`) to the sums of those before, and the last (`ends`) doing
// the rest. Rows of items: see shared/rows.wgsl.
//
// A GPU waits half a microsecond for what it loads, and a row hangs on its id. So GROUPS groups of eight invocations share a
// row's ids, each AHEAD neighbouring ones of every GROUPS * AHEAD, which it asks for at a time; their sums are
// added in order.

const GROUPS: u32 = 4u;
const AHEAD: u32 = 4u;

var<workgroup> group_totals: array<Item, 256>;
var<workgroup> group_counts: array<u32, 256>;

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let place = row_index(workgroup, workgroups, local);
    let row = place / GROUPS;
    let group = place % GROUPS;
    let columns = params.units / WIDE;
    let column = own_column(workgroup, local);
    let is_inside = row < params.rows && column < columns;
    var total: Item;
    var count = 0u;
    if is_inside {
        let range = ids_of(row);
        for (var l = range.x + group * AHEAD; l < range.y; l += GROUPS * AHEAD) {
            var held: array<Item, AHEAD>;
            for (var i = 0u; i < AHEAD; i++) {
                let id = select(0u, ids[min(l + i, range.y - 1u)], l + i < range.y);
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
    }
    let lane = local.y * ROW_LANES + local.x;
    group_totals[lane] = total;
    group_counts[lane] = count;
    workgroupBarrier();
    if !is_inside || group > 0u {
        return;
    }
    for (var other = 1u; other < GROUPS; other++) {
        total += group_totals[lane + other * ROW_LANES];
        count += group_counts[lane + other * ROW_LANES];
    }
    if params.adds == 1u {
        total += output[row * columns + column];
    }
    finish(row, column, total, count);
}
