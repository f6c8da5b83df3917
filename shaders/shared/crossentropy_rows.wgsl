// What the forms of categorical_crossentropy share: which rows a workgroup sums, and what their targets are.

// The first of a workgroup's rows, and the one behind the last.
fn rows_of(group: u32) -> vec2u {
    let stretch = (params.rows + params.groups - 1u) / params.groups;
    return vec2u(group * stretch, min((group + 1u) * stretch, params.rows));
}

// A row's target for a column of categorical_crossentropy.
fn target_of(row: u32, column: u32) -> f32 {
    if params.sparse == 1u {
        return select(0.0, 1.0, u32(targets[row]) == column);
    }
    return targets[row * params.outputs + column];
}
