// output = activation(input W + bias): [rows, units] from [rows, inputs] and
// weights [inputs + 1, units], whose last row is the bias. One form of shared/product_*.wgsl,
// with bias and activation in the epilogue.

struct Params {
    rows: u32,
    inputs: u32,
    units: u32,
    activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

const A_ROWS_ARE_CONTIGUOUS: bool = true;
const B_ROWS_ARE_CONTIGUOUS: bool = true;

fn product_size() -> vec3u {
    return vec3u(params.rows, params.units, params.inputs);
}

fn load_a(row: u32, k: u32) -> f32 {
    return input[row * params.inputs + k];
}

fn load_b(k: u32, column: u32) -> f32 {
    return weights[k * params.units + column];
}

fn store(row: u32, column: u32, sum: f32) {
    let z = sum + weights[params.inputs * params.units + column];
    output[row * params.units + column] = activate(params.activation, z);
}
