// output = input / (1 - rate) where kept, else 0 ("inverted dropout", as Keras'). An element is
// kept when its random bits, drawn anew for every step, reach `threshold` = rate * 2^32.
// One invocation an element.

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
    output[i] = select(0.0, input[i] * params.scale, bits >= params.threshold);
}
