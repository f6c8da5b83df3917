// Notes the step through which rows of a table are up to date, behind embedding_replay and
// embedding_adam: steps[id] = the batch's step, for the ids of a batch, or (`all` = 1) the last step
// done, for all rows. One invocation an id.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= params.count {
        return;
    }
    if params.all == 1u {
        steps[i] = state[STEP];
    } else if i == 0u || ids[i - 1u] != ids[i] {
        steps[ids[i]] = state[BATCH_STEP];
    }
}
