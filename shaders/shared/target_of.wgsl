// A row's target for a column of categorical_crossentropy.
fn target_of(row: u32, column: u32) -> f32 {
    if params.sparse == 1u {
        return select(0.0, 1.0, u32(targets[row]) == column);
    }
    return targets[row * params.outputs + column];
}
