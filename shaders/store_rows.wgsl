// Copies the outputs of a batch, [rows, width], to rows cursor, cursor + 1, ... of `store`
// [all rows, width], and ends the forward pass of a prediction: row numbers there follow the
// order in which batches were taken.
// One workgroup, so that the barrier stands between reading the cursor and moving it on.

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32) {
    let start = state[CURSOR] * params.width;
    for (var i = local; i < params.rows * params.width; i += 256u) {
        store[start + i] = outputs[i];
    }
    storageBarrier();
    if local == 0u {
        advance(params.rows);
    }
}
