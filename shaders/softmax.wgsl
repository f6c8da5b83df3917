// output[r, :] = e^(z_j - max z) / sum_i e^(z_i - max z) of logits z [rows, outputs].
// One invocation a row.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = linear_index(workgroup, workgroups, local);
    if row >= params.rows {
        return;
    }
    let start = row * params.outputs;
    var largest = logits[start];
    for (var j = 1u; j < params.outputs; j++) {
        largest = max(largest, logits[start + j]);
    }
    var normalizer = 0.0;
    for (var j = 0u; j < params.outputs; j++) {
        normalizer += exp_f32(logits[start + j] - largest);
    }
    for (var j = 0u; j < params.outputs; j++) {
        output[start + j] = exp_f32(logits[start + j] - largest) / normalizer;
    }
}
