// output [rows, width] = input with noise: 0 gaussian, input + amount * N(0, 1), kept from `low` to
// `high`; 1 salt and pepper, with probability `threshold` / 2^32 `low` or `high`; 2 mask, with that
// probability 0. Drawn anew for every step or, where `fixed` is 1, for every row of the data set,
// the same in every epoch: then batch row r is row order[cursor + r] + base. One invocation an
// element.

struct Params {
    rows: u32,
    width: u32,
    kind: u32,
    fixed: u32,
    threshold: u32,
    amount: f32,
    low: f32,
    high: f32,
    seed: u32,
    stream: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read> order: array<u32>;
@group(0) @binding(3) var<storage, read> input: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// A draw from N(0, 1): Acklam's rational approximation of the normal distribution's inverse, at a
// probability of 31 bits, and a sign.
fn normal(bits: u32) -> f32 {
    let p = (f32(bits >> 1u) + 0.5) * 2.3283064365386963e-10;
    var z: f32;
    if p < 0.02425 {
        let q = sqrt(-2.0 * ln_f32(p));
        let a = ((((-7.784894e-3 * q - 3.2239646e-1) * q - 2.4007583) * q - 2.5497324) * q + 4.374664) * q + 2.938164;
        let b = (((7.784696e-3 * q + 3.2246712e-1) * q + 2.4451342) * q + 3.7544086) * q + 1.0;
        z = a / b;
    } else {
        let q = p - 0.5;
        let r = q * q;
        let a = ((((-39.696831 * r + 220.94609) * r - 275.92853) * r + 138.35776) * r - 30.66480) * r + 2.5066283;
        let b = ((((-54.476099 * r + 161.58583) * r - 155.69897) * r + 66.801312) * r - 13.280682) * r + 1.0;
        z = a * q / b;
    }
    return select(z, -z, (bits & 1u) == 1u);
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= params.rows * params.width {
        return;
    }
    var bits: u32;
    if params.fixed == 1u {
        let row = order[state[CURSOR] + i / params.width] + state[BASE];
        bits = random_bits(params.seed, params.stream, row, i % params.width);
    } else {
        bits = random_bits(params.seed, params.stream, state[BATCH_STEP], i);
    }
    let x = input[i];
    var y = x;
    if params.kind == 0u {
        y = clamp(x + params.amount * normal(bits), params.low, params.high);
    } else if bits < params.threshold {
        // The lowest bit is a fair coin whatever the threshold.
        let salt_or_pepper = select(params.low, params.high, (bits & 1u) == 1u);
        y = select(0.0, salt_or_pepper, params.kind == 1u);
    }
    output[i] = y;
}
