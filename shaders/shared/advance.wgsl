// The end of a forward pass: `rows` of the order are taken, one history slot is written.
// Called by one invocation of the dispatch.
fn advance(rows: u32) {
    state[CURSOR] += rows;
    state[STEP] = state[BATCH_STEP];
    state[SLOT] = state[BATCH_SLOT] + 1u;
}
