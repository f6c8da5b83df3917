// dense_gradient_weights (see dense_gradient_weights.wgsl) for a whole layer of one unit
// whose inputs are a multiple of 4. One invocation four neighbouring inputs, summed over the rows of a
// part (workgroups along y); one more invocation sums the bias's gradient.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) invocation: vec3u) {
    let block = invocation.x;
    let blocks = params.inputs / 4u;
    if block > blocks {
        return;
    }
    let first_row = invocation.y * params.part_rows;
    let end_row = min(first_row + params.part_rows, params.rows);
    let to = invocation.y * (params.inputs + 1u);
    if block == blocks {
        var sum = 0.0;
        for (var row = first_row; row < end_row; row++) {
            sum += d_output[row];
        }
        gradient[to + params.inputs] = sum;
        return;
    }
    var sums = vec4f(0.0);
    for (var row = first_row; row < end_row; row++) {
        sums = fma(input[row * blocks + block], vec4f(d_output[row]), sums);
    }
    gradient[to + 4u * block] = sums.x;
    gradient[to + 4u * block + 1u] = sums.y;
    gradient[to + 4u * block + 2u] = sums.z;
    gradient[to + 4u * block + 3u] = sums.w;
}
