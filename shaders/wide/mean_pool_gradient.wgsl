// mean_pool_gradient (see mean_pool_gradient.wgsl) by 256 invocations a row, for real GPUs: each counts a part of the row's ids,
// and then writes every 256th element of [length, units].

var<workgroup> row_count: f32;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    // Workgroups behind the last row take part in the barriers and write nothing.
    let group = workgroup_index(workgroup, workgroups);
    let row = min(group, params.rows - 1u);
    let first = row * params.length;
    // Whole numbers, exact below 2^24.
    var own = 0.0;
    for (var l = local; l < params.length; l += 256u) {
        own += select(0.0, 1.0, ids[first + l] != 0u);
    }
    let found = reduce(local, vec2f(own, 0.0));
    if local == 0u {
        row_count = found.x;
    }
    workgroupBarrier();
    let share = 1.0 / max(row_count, 1.0);
    let count = select(0u, params.length * params.units, group < params.rows);
    for (var i = local; i < count; i += 256u) {
        let position = i / params.units;
        let column = i - position * params.units;
        let scale = select(0.0, share, ids[first + position] != 0u);
        d_input[first * params.units + i] = d_output[row * params.units + column] * scale;
    }
}
