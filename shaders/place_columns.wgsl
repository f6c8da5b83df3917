// output[r, first + j] = input[r, j], or += it where `adds`: input [rows, width] among the columns of output
// [rows, stride]. One invocation an element of the input.

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
    let to = i / params.width * params.stride + params.first + i % params.width;
    if params.adds == 1u {
        output[to] += input[i];
    } else {
        output[to] = input[i];
    }
}
