// parts[b, p, 0, c] = the mean of input [blocks, length, units] over the `part_rows` vectors of part p of block b,
// parts[b, p, 1, c] the sum of squares away from it. Rows of items (shared/rows.wgsl): a row is a part, its columns the
// channels.

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let per_block = (params.length + params.part_rows - 1u) / params.part_rows;
    var part = row_index(workgroup, workgroups, local);
    let count = params.blocks * per_block;
    let is_inside = part < count;
    if SOFTWARE {
        part = min(part, count - 1u);
    } else if !is_inside {
        return;
    }
    let columns = params.units / WIDE;
    let block = part / per_block;
    let begin = (part % per_block) * params.part_rows;
    let rows = min(params.part_rows, params.length - begin);
    let first = (block * params.length + begin) * columns;
    for (var i = 0u; i < ROW_ITEMS; i++) {
        var c = column_at(workgroup, local, i);
        if SOFTWARE {
            c = min(c, columns - 1u);
        } else if c >= columns {
            return;
        }
        var sum = Item();
        for (var row = 0u; row < rows; row++) {
            sum += input[first + row * columns + c];
        }
        let mean = sum / f32(rows);
        var squares = Item();
        for (var row = 0u; row < rows; row++) {
            let away = input[first + row * columns + c] - mean;
            squares += away * away;
        }
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            parts[2u * part * columns + c] = mean;
            parts[(2u * part + 1u) * columns + c] = squares;
        }
    }
}
