// parts[p, 0, j] = the sum over rows of d_output xhat, parts[p, 1, j] that of d_output, over part p's `part_rows` rows:
// gradients of gamma and beta, whose parts `sum_parts` adds. One invocation a column and part.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    let j = i % params.units;
    let part = i / params.units;
    let first = part * params.part_rows;
    if first >= params.rows {
        return;
    }
    let last = min(first + params.part_rows, params.rows);
    var d_gamma = 0.0;
    var d_beta = 0.0;
    for (var row = first; row < last; row++) {
        let d = d_output[row * params.units + j];
        d_gamma += d * (input[row * params.units + j] - moments[2u * row]) * moments[2u * row + 1u];
        d_beta += d;
    }
    parts[2u * part * params.units + j] = d_gamma;
    parts[(2u * part + 1u) * params.units + j] = d_beta;
}
