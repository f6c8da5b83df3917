// RMSprop in Keras' form over an arena of parameters p:
//   squares = rho squares + (1 - rho) g^2,  velocity = momentum velocity + rate g / sqrt(squares + epsilon),
//   p -= velocity,  rate = schedule[slot]
// One invocation four neighbouring parameters.

struct Params {
    count: u32,
    rho: f32,
    complement: f32,
    momentum: f32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read> schedule: array<f32>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> weights: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> squares: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> velocities: array<vec4f>;

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
