// d_input[r, j] = d_output[r, first + j] activation'(input[r, j]): columns of d_output [rows, stride] as the gradient
// of input [rows, width], the values of `activation`. One invocation an element of the input.

struct Params {
    rows: u32,
    width: u32,
    stride: u32,
    first: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> d_output: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_input: array<f32>;

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
