// d_input = rstd (gamma d_output - b / count - xhat a / count) activation'(input), rstd = 1 / sqrt(variance + epsilon), xhat
// = (input - mean) rstd, moments [blocks, 2, units], sums [blocks, 2, units] = a, b, which gamma multiplies where
// `by_channel`; without a and b where count is 0. Rows of items (shared/rows.wgsl): a row is a vector; for software
// adapters the invocations of a row take eight.

const WALK: u32 = select(1u, 8u, SOFTWARE);

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let count = params.blocks * params.length;
    let columns = params.units / WIDE;
    let share = select(0.0, 1.0 / f32(max(params.count, 1u)), params.count > 0u);
    let begin = row_index(workgroup, workgroups, local) * WALK;
    for (var row = begin; row < min(begin + WALK, count); row++) {
        let block = 2u * (row / params.length) * columns;
        let end = walk_end(workgroup, columns);
        for (var c = walk_begin(workgroup, local); c < end; c += ROW_LANES) {
            let gamma = weights[c];
            let rstd = 1.0 / sqrt(moments[block + columns + c] + params.epsilon);
            let x = input[row * columns + c];
            var d = gamma * d_output[row * columns + c];
            if params.count > 0u {
                let xhat = (x - moments[block + c]) * rstd;
                let factor = select(Item(1.0), gamma, params.by_channel == 1u) * share;
                d -= factor * (sums[block + columns + c] + xhat * sums[block + c]);
            }
            d_input[row * columns + c] = d * rstd * derivative_item(params.activation, x);
        }
    }
}
