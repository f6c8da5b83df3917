// sums[i] = the sum of parts[p, i] over p, in the order of p: the last step of a gradient that was computed
// in parts (dense_gradient_weights). One invocation an element.

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
    var sum = 0.0;
    for (var p = 0u; p < params.parts; p++) {
        sum += parts[p * params.count + i];
    }
    sums[i] = sum;
}
