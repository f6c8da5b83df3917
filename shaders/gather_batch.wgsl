// Copies the rows of the batch under way from the data set on the device to the batch buffers:
// batch row r is row order[cursor + r] of inputs [all rows, input_width] and of
// targets [all rows, target_width]. Also opens the step: writes BATCH_STEP and BATCH_SLOT;
// or, where `opens` is 0, goes on with the step of the part before.
// Rows of items: see shared/rows.wgsl; `Item` is of u32 (ids) or f32 (a matrix).

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    var row = row_index(workgroup, workgroups, local);
    if row == 0u && workgroup.x == 0u && local.x == 0u {
        state[BATCH_STEP] = state[STEP] + params.opens;
        state[BATCH_SLOT] = state[SLOT];
    }
    let is_inside = row < params.rows;
    if SOFTWARE {
        row = min(row, params.rows - 1u);
    } else if row >= params.rows {
        return;
    }
    let source = order[state[CURSOR] + row];
    if workgroup.x == 0u && is_inside {
        for (var t = local.x; t < params.target_width; t += ROW_LANES) {
            batch_targets[row * params.target_width + t] = targets[source * params.target_width + t];
        }
    }
    let columns = params.input_width / WIDE;
    for (var i = 0u; i < ROW_ITEMS; i++) {
        var c = column_at(workgroup, local, i);
        if SOFTWARE {
            c = min(c, columns - 1u);
        } else if c >= columns {
            return;
        }
        let item = inputs[source * columns + c];
        // What was done again for a lane past the edge is not stored again: that would be a race.
        if !SOFTWARE || (is_inside && c == column_at(workgroup, local, i)) {
            batch_inputs[row * columns + c] = item;
        }
    }
}
