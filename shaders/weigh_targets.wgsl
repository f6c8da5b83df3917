// weighted [rows, outputs] of targets y and weights w [rows]: y max(w, least). A target is the number of a class where
// `sparse`, else a row of outputs. One invocation an element.

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
    let row = i / params.outputs;
    var y = 0.0;
    if params.sparse == 1u {
        y = select(0.0, 1.0, u32(targets[row]) == i % params.outputs);
    } else {
        y = targets[i];
    }
    weighted[i] = y * max(weights[row], params.least);
}
