// output [rows, width] = input with noise: 0 gaussian, input + amount * N(0, 1), kept from `low` to
// `high`; 1 salt and pepper, with probability `threshold` / 2^32 `low` or `high`; 2 mask, with that
// probability 0. Drawn anew for every step or, where `fixed` is 1, for every row of the data set,
// the same in every epoch: then batch row r is row order[cursor + r] + base. One invocation an
// element.

// A draw from N(0, 1): Wichura's PPND7 (AS 241) for the inverse of the normal distribution, at a
// probability of 31 bits, and a sign. Every coefficient is positive, so nothing cancels.
fn normal(bits: u32) -> f32 {
    let p = (f32(bits >> 1u) + 0.5) * 2.3283064e-10;
    let q = 0.5 - p;
    var z: f32;
    if q <= 0.425 {
        let r = 0.180625 - q * q;
        let a = ((59.109375 * r + 159.29113) * r + 50.434273) * r + 3.3871327;
        let b = ((67.18756 * r + 78.75776) * r + 17.89517) * r + 1.0;
        z = q * a / b;
    } else {
        // Probabilities end at 2^-33, where this is 4.8.
        let r = sqrt(-ln_f32(p)) - 1.6;
        let a = ((0.17023821 * r + 1.3067285) * r + 2.7568154) * r + 1.4234373;
        let b = (0.12021133 * r + 0.73700166) * r + 1.0;
        z = a / b;
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
        bits = random_bits(params.seed, params.stream, state[BATCH_STEP], params.first + i);
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
