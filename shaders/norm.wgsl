// output[b, l, c] = activation(gamma[c] (input[b, l, c] - mean) / sqrt(variance + epsilon) + beta[c]), moments [blocks, 2,
// units] and weights [2, units] = gamma, beta. Rows of items (shared/rows.wgsl): a row is a vector; for software adapters
// the invocations of a row take eight.

const WALK: u32 = select(1u, 8u, SOFTWARE);

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let count = params.blocks * params.length;
    let columns = params.units / WIDE;
    let begin = row_index(workgroup, workgroups, local) * WALK;
    for (var row = begin; row < min(begin + WALK, count); row++) {
        let block = 2u * (row / params.length) * columns;
        let end = walk_end(workgroup, columns);
        for (var c = walk_begin(workgroup, local); c < end; c += ROW_LANES) {
            let scale = weights[c] / sqrt(moments[block + columns + c] + params.epsilon);
            let y = (input[row * columns + c] - moments[block + c]) * scale + weights[columns + c];
            output[row * columns + c] = activate_item(params.activation, y);
        }
    }
}
