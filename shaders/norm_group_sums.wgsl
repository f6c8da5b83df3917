// sums[b, 0, c] = the sum of gamma parts[b, p, 0, k] over the parts p and the channels k of c's group, sums[b, 1, c] that of
// gamma parts[b, p, 1, k]. One invocation a block and group.

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
    var total = vec2f(0.0);
    for (var c = first; c < first + params.group; c++) {
        for (var part = 0u; part < params.count; part++) {
            let at = 2u * (block * params.count + part) * params.units + c;
            total += weights[c] * vec2f(parts[at], parts[at + params.units]);
        }
    }
    for (var c = first; c < first + params.group; c++) {
        sums[2u * block * params.units + c] = total.x;
        sums[(2u * block + 1u) * params.units + c] = total.y;
    }
}
