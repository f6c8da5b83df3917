// Adam in Keras' form over an arena of parameters p with gradients g:
//   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  p -= rate m / (sqrt(v) + epsilon)
// with the complements 1 - b1 and 1 - b2 rounded once (1 - f32(0.999) is off by 1e-5), and
// rate = schedule[slot] = lr sqrt(1 - b2^t) / (1 - b1^t), which the host computes in double
// precision. One invocation four neighbouring parameters.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i * 4u >= params.count {
        return;
    }
    let rate = schedule[state[BATCH_SLOT]];
    let g = gradients[i];
    let m = params.beta_1 * first_moments[i] + params.complement_1 * g;
    let v = params.beta_2 * second_moments[i] + params.complement_2 * (g * g);
    first_moments[i] = m;
    second_moments[i] = v;
    weights[i] -= rate * m / (sqrt(v) + params.epsilon);
}
