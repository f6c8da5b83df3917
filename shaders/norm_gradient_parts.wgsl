// parts[b, p, 0, c] = the sum of d_output xhat, parts[b, p, 1, c] that of d_output, over the `part_rows` vectors of part p
// of block b; xhat = (input - mean) / sqrt(variance + epsilon), moments [blocks, 2, units]. Rows of items
// (shared/rows.wgsl): a row is a part, its columns the channels.

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
        let mean = moments[2u * block * columns + c];
        var products = Item();
        var sums = Item();
        for (var row = 0u; row < rows; row++) {
            let d = d_output[first + row * columns + c];
            products += d * (input[first + row * columns + c] - mean);
            sums += d;
        }
        let deviation = sqrt(moments[(2u * block + 1u) * columns + c] + params.epsilon);
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            parts[2u * part * columns + c] = products / deviation;
            parts[(2u * part + 1u) * columns + c] = sums;
        }
    }
}
