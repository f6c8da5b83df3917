// d_input[r, j] = d_output[r, first + j] activation'(input[r, j]): columns of d_output [rows, stride] as the gradient
// of input [rows, width], the values of `activation`. One invocation an element of the input.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= params.rows * params.width {
        return;
    }
    let at = i / params.width * params.stride + params.first + i % params.width;
    d_input[i] = d_output[at] * activation_derivative(params.activation, input[i]);
}
