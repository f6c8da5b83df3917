// d_input = d_output / (1 - rate) * activation'(input) where dropout kept the element, else 0;
// the mask is drawn again from the same counters. `input` is what the dropout layer was given,
// the value of `activation` (linear where there is none). One invocation an element.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= params.count {
        return;
    }
    let bits = random_bits(params.seed, params.stream, state[BATCH_STEP], params.first + i);
    let derivative = params.scale * activation_derivative(params.activation, input[i]);
    d_input[i] = select(0.0, d_output[i] * derivative, bits >= params.threshold);
}
