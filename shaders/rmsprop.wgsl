// RMSprop in Keras' form over an arena of parameters p:
//   squares = rho squares + (1 - rho) g^2,  velocity = momentum velocity + rate g / sqrt(squares + epsilon),
//   p -= velocity,  rate = schedule[slot]
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
    let g = gradients[i];
    let square = params.rho * squares[i] + params.complement * g * g;
    let step = schedule[state[BATCH_SLOT]] * g / sqrt(square + params.epsilon);
    let velocity = params.momentum * velocities[i] + step;
    squares[i] = square;
    velocities[i] = velocity;
    weights[i] -= velocity;
}
