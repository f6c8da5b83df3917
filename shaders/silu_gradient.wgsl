// d_input = d_output s (1 + z (1 - s)) activation'(z), s = 1 / (1 + e^-z) at z = input, of `count` elements. One invocation an
// element.

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
    let s = sigmoid_f32(z);
    let slope = s * (1.0 + z * (1.0 - s));
    d_input[i] = d_output[i] * slope * activation_derivative(params.activation, z);
}
