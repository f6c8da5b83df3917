// output[r, j] = gamma[j] xhat[r, j] + beta[j], xhat = (x - mean) rstd over each row x of input [rows, units], rstd =
// 1 / sqrt(variance + epsilon); weights are gamma, then beta; moments[r] = (mean, rstd). One workgroup a row, in three
// walks over it: mean, variance, output.

var<workgroup> row_mean: f32;
var<workgroup> row_rstd: f32;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = workgroup_index(workgroup, workgroups);
    let is_inside = row < params.rows;
    let start = row * params.units;
    let count = select(0u, params.units, is_inside);
    var part = 0.0;
    for (var j = local; j < count; j += 256u) {
        part += input[start + j];
    }
    let sum = reduce(local, vec2f(part, 0.0)).x;
    if local == 0u {
        row_mean = sum / f32(params.units);
    }
    workgroupBarrier();
    let mean = row_mean;
    part = 0.0;
    for (var j = local; j < count; j += 256u) {
        let away = input[start + j] - mean;
        part += away * away;
    }
    let squares = reduce(local, vec2f(part, 0.0)).x;
    if local == 0u {
        row_rstd = 1.0 / sqrt(squares / f32(params.units) + params.epsilon);
        if is_inside {
            moments[2u * row] = mean;
            moments[2u * row + 1u] = row_rstd;
        }
    }
    workgroupBarrier();
    let rstd = row_rstd;
    for (var j = local; j < count; j += 256u) {
        let xhat = (input[start + j] - mean) * rstd;
        output[start + j] = weights[j] * xhat + weights[params.units + j];
    }
}
