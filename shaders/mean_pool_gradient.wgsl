// d_input[r, l, :] = d_output[r, :] / count[r] where ids[r, l] != 0, else zero; count[r] is the
// number of ids in row r that are not 0. One invocation a position: it counts its row's ids once
// and writes its `units` elements.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let position = linear_index(workgroup, workgroups, local);
    let row = position / params.length;
    if row >= params.rows {
        return;
    }
    var count = 0u;
    for (var l = 0u; l < params.length; l++) {
        count += select(0u, 1u, ids[row * params.length + l] != 0u);
    }
    let scale = select(0.0, 1.0 / f32(max(count, 1u)), ids[position] != 0u);
    for (var column = 0u; column < params.units; column++) {
        d_input[position * params.units + column] = d_output[row * params.units + column] * scale;
    }
}
