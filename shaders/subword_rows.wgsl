// The rows of a table that words are made of: for each position p with word w = ids[p],
// output[p, :] = rows[offsets[w] .. offsets[w + 1]], filled with 0; all 0 for w = 0.
// One invocation a position.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let p = linear_index(workgroup, workgroups, local);
    if p >= params.positions {
        return;
    }
    let word = ids[p];
    let first = offsets[word];
    let count = select(min(offsets[word + 1u] - first, params.width), 0u, word == 0u);
    for (var i = 0u; i < params.width; i++) {
        var row = 0u;
        if i < count {
            row = rows[first + i];
        }
        output[p * params.width + i] = row;
    }
}
