// Where a row's class is among the sorted candidates: the last of equal ones, behind which the first larger one stands.
// One invocation a row.

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
    let class_of_row = u32(targets[row]);
    // The first larger one is from `low` to `high`.
    var low = 0u;
    var high = params.count;
    while low < high {
        let middle = low + (high - low) / 2u;
        if candidates[middle] <= class_of_row {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    slots[row] = f32(max(low, 1u) - 1u);
}
