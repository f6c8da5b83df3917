// The gradient through layer_norm.wgsl: with g = d_output gamma, over each row of units elements,
// d_input = rstd (g - mean(g) - xhat mean(g xhat)) activation'(input); `input` are the values of `activation`.
// One workgroup a row, in two walks over it.

var<workgroup> row_sums: vec2f;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = workgroup_index(workgroup, workgroups);
    let is_inside = row < params.rows;
    // Workgroups behind the last row walk over nothing.
    let at = select(0u, row, is_inside);
    let start = at * params.units;
    let count = select(0u, params.units, is_inside);
    let mean = moments[2u * at];
    let rstd = moments[2u * at + 1u];
    var part = vec2f(0.0);
    for (var j = local; j < count; j += 256u) {
        let g = d_output[start + j] * weights[j];
        part += vec2f(g, g * (input[start + j] - mean) * rstd);
    }
    let sums = reduce(local, part);
    if local == 0u {
        row_sums = sums / f32(params.units);
    }
    workgroupBarrier();
    let means = row_sums;
    for (var j = local; j < count; j += 256u) {
        let x = input[start + j];
        let g = d_output[start + j] * weights[j];
        let d = rstd * (g - means.x - (x - mean) * rstd * means.y);
        d_input[start + j] = d * activation_derivative(params.activation, x);
    }
}
