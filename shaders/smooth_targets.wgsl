// smoothed [rows, outputs] of targets y: y (1 - s) + s / outputs of a row that is a distribution, y (1 - s) + s / 2
// where each output is a probability by itself (`binary`). A target is the number of a class where `sparse`, else
// a row of outputs. One invocation an element.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= params.rows * params.outputs {
        return;
    }
    var y = 0.0;
    if params.sparse == 1u {
        y = select(0.0, 1.0, u32(targets[i / params.outputs]) == i % params.outputs);
    } else {
        y = targets[i];
    }
    let uniform_part = select(1.0 / f32(params.outputs), 0.5, params.binary == 1u);
    smoothed[i] = y * (1.0 - params.smoothing) + params.smoothing * uniform_part;
}
