// The classes that a step compares with: those of the batch's rows, then one of each of `drawn` ranges that part the
// classes, the first of which have one more where they are not equal. One invocation a candidate.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= params.places + params.drawn {
        return;
    }
    if i < params.places {
        let row = select(0u, i, i < params.rows);
        candidates[i] = u32(targets[row * params.stride]);
        return;
    }
    let range = i - params.places;
    let each = params.classes / params.drawn;
    let left = params.classes % params.drawn;
    let count = each + select(0u, 1u, range < left);
    let bits = random_bits(params.seed, params.stream, state[BATCH_STEP], params.first + range);
    candidates[i] = range * each + min(range, left) + bits % count;
}
