// d_input = d_output (Phi(z) + z phi(z)) activation'(z) at z = input, of `count` elements. One invocation an element.

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
    let slope = normal_cdf(z) + z * normal_pdf(z);
    d_input[i] = d_output[i] * slope * activation_derivative(params.activation, z);
}
