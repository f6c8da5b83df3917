// taken[k, s] = W[k, c_s], and behind the last row b[c_s] + offsets[c_s]: the candidates' columns of a dense layer's
// weights. Of equal candidates the last counts; the bias of the others is so low that their exponential is 0.
// One invocation an element of taken.

const NEVER_CHOSEN: f32 = -1e30;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= (params.rows + params.ends) * params.count {
        return;
    }
    let row = i / params.count;
    let s = i % params.count;
    let candidate = candidates[s];
    let to = params.first * params.count + i;
    if row < params.rows {
        taken[to] = weights[row * params.classes + candidate];
        return;
    }
    var value = NEVER_CHOSEN;
    if s + 1u == params.count || candidates[min(s + 1u, params.count - 1u)] != candidate {
        value = offsets[candidate];
        if params.bias == 1u {
            value += weights[row * params.classes + candidate];
        }
    }
    taken[to] = value;
}
