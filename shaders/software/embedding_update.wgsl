// embedding_update (see embedding_update.wgsl) where a CPU plays the lanes. One invocation up to four neighbouring columns of
// a pair; those of pairs that are not the first of their id do nothing.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    let blocks = (params.units + 3u) / 4u;
    let first = i / blocks;
    if first >= params.positions {
        return;
    }
    let id = sorted_ids[first];
    // Below `first` it wraps to a number that no table reaches.
    if id == 0u || id - params.first >= params.rows || (first > 0u && sorted_ids[first - 1u] == id) {
        return;
    }
    let column = (i % blocks) * 4u;
    let width = min(4u, params.units - column);
    // Columns past the last do it again. Without a loop: software adapters leave an invocation's loops
    // behind after 65,535 turns of all of them together.
    let columns = min(vec4u(column) + vec4u(0u, 1u, 2u, 3u), vec4u(params.units - 1u));
    var total = vec4f(0.0);
    for (var p = first; p < params.positions && sorted_ids[p] == id; p++) {
        let position = sorted_positions[p];
        let row = position / params.length;
        let factor = factors[select(position, row, params.by_row == 1u)];
        let at = row * params.units + columns;
        let vector = vec4f(vectors[at.x], vectors[at.y], vectors[at.z], vectors[at.w]);
        total = fma(vec4f(factor), vector, total);
    }
    for (var j = 0u; j < width; j++) {
        let at = (id - params.first) * params.units + column + j;
        let sum = fma(total[j], total[j], squares[at]);
        squares[at] = sum;
        table[at] -= params.rate * total[j] / sqrt(sum);
    }
}
