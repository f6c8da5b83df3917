// Adagrad (Duchi et al. 2011) on the rows of a table that a batch names, and on no others: for each
// id > 0, given (id, position) pairs sorted by id, with g the sum over its positions p of
// factors[p] * vectors[p / length, :] (or factors[p / length], where `by_row` is 1),
// squares[id, :] += g^2 and table[id, :] -= rate * g / sqrt(squares[id, :]).
// The binding holds `rows` rows of the table from `first` on, and ids outside them do nothing.
//
// The sum is taken in the order of the positions. Eight invocations have the columns of a pair, and those of pairs that
// are not the first of their id do nothing. A GPU waits half a microsecond for what it loads: so AHEAD pairs are asked for at a
// time, and those of an id that has more than SHORT, of which a few have thousands, by the 32 groups of eight invocations of a
// workgroup in turn, whose sums are added in order. Rows of items: see shared/rows.wgsl.

const SHORT: u32 = 32u;
const AHEAD: u32 = 8u;

// Where the pairs of each group's id end, of those that have many.
var<workgroup> run_ends: array<u32, 32>;

fn is_of(pair: u32, id: u32) -> bool {
    return pair < params.positions && sorted_ids[min(pair, params.positions - 1u)] == id;
}

// `sum` and what AHEAD pairs from `first` on add to it, of those before `end` that are an id's.
fn add_pairs(sum: Item, first: u32, end: u32, id: u32, columns: u32, c: u32) -> Item {
    var factor: array<f32, AHEAD>;
    var vector: array<Item, AHEAD>;
    for (var i = 0u; i < AHEAD; i++) {
        factor[i] = 0.0;
        vector[i] = Item();
        if first + i < end && is_of(first + i, id) {
            let position = sorted_positions[first + i];
            let row = position / params.length;
            factor[i] = factors[select(position, row, params.by_row == 1u)];
            vector[i] = vectors[row * columns + c];
        }
    }
    var total = sum;
    for (var i = 0u; i < AHEAD; i++) {
        total = fma(Item(factor[i]), vector[i], total);
    }
    return total;
}

fn update(id: u32, columns: u32, c: u32, total: Item) {
    let at = (id - params.first) * columns + c;
    let sum = fma(total, total, squares[at]);
    squares[at] = sum;
    table[at] -= params.rate * total / sqrt(sum);
}

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let first = row_index(workgroup, workgroups, local);
    let first_of_all = first - local.y;
    let columns = params.units / WIDE;
    let c = own_column(workgroup, local);
    let id = sorted_ids[min(first, params.positions - 1u)];
    // Below `first` it wraps to a number that no table reaches.
    let is_held = id != 0u && id - params.first < params.rows;
    let begins = first < params.positions && is_held && (first == 0u || sorted_ids[max(first, 1u) - 1u] != id);
    let is_long = begins && is_of(first + SHORT, id);
    clear_long_runs(local);
    if is_long && local.x == 0u {
        note_long_run(local.y);
        run_ends[local.y] = end_of(first + SHORT, params.positions, 1u, id, true);
    }
    var rest = all_long_runs(local);
    if begins && !is_long && c < columns {
        var total: Item;
        for (var p = first; is_of(p, id); p += AHEAD) {
            total = add_pairs(total, p, params.positions, id, columns, c);
        }
        update(id, columns, c, total);
    }
    while rest != 0u {
        let group = firstTrailingBit(rest);
        rest &= rest - 1u;
        let begin = first_of_all + group;
        let run_id = sorted_ids[begin];
        let end = run_ends[group];
        var sum: Item;
        if c < columns {
            for (var p = begin + local.y * AHEAD; p < end; p += 32u * AHEAD) {
                sum = add_pairs(sum, p, end, run_id, columns, c);
            }
        }
        let total = sum_of_groups(local, sum);
        if local.y == 0u && c < columns {
            update(run_id, columns, c, total);
        }
    }
}
