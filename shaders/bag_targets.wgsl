// The bags of a batch as targets [rows, outputs], zero before: element (r, id) is 1 where id stands
// in row r of ids [rows, length] (`counts` = 0), or the share of the row's ids that it is
// (`counts` = 1). Ragged rows (`ragged` = 1) lie between `starts`, as in embedding_bag.wgsl. Ids below 2, padding and the unknown word, are no targets. One invocation a row.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = linear_index(workgroup, workgroups, local);
    if row >= params.rows {
        return;
    }
    let at = select(0u, row, params.ragged == 1u);
    let start = select(row * params.length, starts[at], params.ragged == 1u);
    let end = select(start + params.length, starts[at + params.ragged], params.ragged == 1u);
    var count = 0u;
    for (var l = start; l < end; l++) {
        count += select(0u, 1u, ids[l] >= 2u);
    }
    let share = 1.0 / f32(max(count, 1u));
    for (var l = start; l < end; l++) {
        if ids[l] < 2u {
            continue;
        }
        let at = row * params.outputs + ids[l];
        if params.counts == 1u {
            targets[at] += share;
        } else {
            targets[at] = 1.0;
        }
    }
}
