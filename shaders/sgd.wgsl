// Stochastic gradient descent with momentum in Keras' form, over an arena of parameters p:
//   velocity = momentum velocity - rate g,  p += velocity,  rate = schedule[slot]
// One invocation four neighbouring parameters.

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
    let velocity = params.momentum * velocities[i] - schedule[state[BATCH_SLOT]] * gradients[i];
    velocities[i] = velocity;
    weights[i] += velocity;
}
