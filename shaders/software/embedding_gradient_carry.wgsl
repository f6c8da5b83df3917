// embedding_gradient_carry (see embedding_gradient_carry.wgsl) where a CPU plays the lanes: an invocation adds all heads of a
// run. Rows of items: see shared/rows.wgsl.

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let tile = row_index(workgroup, workgroups, local);
    let start = tile * TILE;
    let end = start + TILE;
    if end >= params.positions {
        return;
    }
    let id = sorted_ids[end - 1u];
    let began_before = start > 0u && sorted_ids[start - 1u] == id;
    if began_before || sorted_ids[end] != id {
        return;
    }
    var at = id - params.first;
    if params.compact == 1u {
        at = end - 1u;
        while at > start && sorted_ids[at - 1u] == id {
            at -= 1u;
        }
    }
    if at >= params.rows {
        return;
    }
    let columns = params.units / WIDE;
    let c = own_column(workgroup, local);
    if c >= columns {
        return;
    }
    var total = tails[tile * columns + c];
    for (var next = end; next < params.positions && sorted_ids[next] == id; next += TILE) {
        total += heads[(next / TILE) * columns + c];
    }
    gradient[at * columns + c] = total;
}
