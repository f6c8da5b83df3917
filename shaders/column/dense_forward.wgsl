// dense_forward (see dense_forward.wgsl) for a whole layer of one unit whose inputs are a
// multiple of 4: a product with a column. One invocation a row, read four elements at a time into four sums.

struct Params {
    rows: u32,
    inputs: u32,
    units: u32,
    activation: u32,
    stride: u32,
    first: u32,
    adds: u32,
    bias: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) invocation: vec3u) {
    let row = invocation.x;
    if row >= params.rows {
        return;
    }
    let blocks = params.inputs / 4u;
    var sums = vec4f(0.0);
    for (var i = 0u; i < blocks; i++) {
        let w = vec4f(weights[4u * i], weights[4u * i + 1u], weights[4u * i + 2u], weights[4u * i + 3u]);
        sums = fma(input[row * blocks + i], w, sums);
    }
    let z = (sums.x + sums.y) + (sums.z + sums.w) + weights[params.inputs];
    output[row] = activate(params.activation, z);
}
