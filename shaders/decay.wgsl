// weights *= 1 - factor rate, rate = rates[slot]: decoupled weight decay of `count` weights. One invocation a
// weight.

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
    weights[i] *= 1.0 - params.factor * rates[state[BATCH_SLOT]];
}
