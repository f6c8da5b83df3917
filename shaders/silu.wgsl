// y = z / (1 + e^-z) of `count` elements. One invocation an element.

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
    let z = input[i];
    output[i] = z * sigmoid_f32(z);
}
