// Adam in Keras' form over an arena of parameters p with gradients g:
//   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  p -= rate m / (sqrt(v) + epsilon)
// with the complements 1 - b1 and 1 - b2 rounded once (1 - f32(0.999) is off by 1e-5), and
// rate = schedule[slot] = lr sqrt(1 - b2^t) / (1 - b1^t), which the host computes in double
// precision. One invocation four neighbouring parameters.

struct Params {
    count: u32,
    beta_1: f32,
    beta_2: f32,
    complement_1: f32,
    complement_2: f32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read> schedule: array<f32>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> weights: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> first_moments: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> second_moments: array<vec4f>;

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
