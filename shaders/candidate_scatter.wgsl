// d_weights[k, c_s] = d_taken[k, s]: the gradient of the candidates' columns, where their classes are. Of equal candidates
// the last counts. One invocation an element of d_taken.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= params.rows * params.count {
        return;
    }
    let s = i % params.count;
    let candidate = candidates[s];
    if s + 1u < params.count && candidates[min(s + 1u, params.count - 1u)] == candidate {
        return;
    }
    gradient[i / params.count * params.classes + candidate] = d_taken[params.first * params.count + i];
}
