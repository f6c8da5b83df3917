// Adagrad in Keras' form over an arena of parameters p:
//   squares = squares + g^2,  p -= rate g / sqrt(squares + offset),  rate = schedule[slot]
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
    let square = squares[i] + g * g;
    squares[i] = square;
    weights[i] -= schedule[state[BATCH_SLOT]] * g / sqrt(square + params.offset);
}
