// The end of a loss: workgroup `group` of `groups` writes its sums into history[slots, groups, 2], (losses, right
// answers) of the slot under way, and the first of them takes `rows` of the order. Called by one invocation of each.
fn record(group: u32, groups: u32, sums: vec2f, rows: u32) {
    let at = (state[BATCH_SLOT] * groups + group) * 2u;
    history[at] = sums.x;
    history[at + 1u] = sums.y;
    if group == 0u {
        advance(rows);
    }
}
