// moments[b, 0, c] = the mean over block b of the group of channels that c is of, moments[b, 1, c] their biased variance,
// out of means and sums of squares of each part and channel (norm_parts). One invocation a block and group.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    let groups = params.units / params.group;
    let block = i / groups;
    if block >= params.blocks {
        return;
    }
    let first = i % groups * params.group;
    let count = (params.length + params.part_rows - 1u) / params.part_rows;
    let all = f32(params.length * params.group);
    var total = 0.0;
    for (var c = first; c < first + params.group; c++) {
        for (var part = 0u; part < count; part++) {
            let rows = f32(min(params.part_rows, params.length - part * params.part_rows));
            total += parts[2u * (block * count + part) * params.units + c] * rows;
        }
    }
    let mean = total / all;
    var squares = 0.0;
    for (var c = first; c < first + params.group; c++) {
        for (var part = 0u; part < count; part++) {
            let rows = f32(min(params.part_rows, params.length - part * params.part_rows));
            let at = 2u * (block * count + part) * params.units + c;
            let away = parts[at] - mean;
            squares += parts[at + params.units] + away * away * rows;
        }
    }
    for (var c = first; c < first + params.group; c++) {
        moments[2u * block * params.units + c] = mean;
        moments[(2u * block + 1u) * params.units + c] = squares / all;
    }
}
