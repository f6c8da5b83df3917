// Clamps each of `count` gradients to [-limit, limit]; a NaN stays one. One invocation a gradient.

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
    let g = gradients[i];
    // Comparisons with NaN are false: clamp could hide one.
    if g > params.limit {
        gradients[i] = params.limit;
    } else if g < -params.limit {
        gradients[i] = -params.limit;
    }
}
