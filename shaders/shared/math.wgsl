// exp, ln, ln(1 + x), tanh and sigmoid from plain arithmetic (Cephes' single-precision
// polynomials). WGSL promises little about the built-ins and drivers differ by up to 2e-4; these
// are within a few units in the last place everywhere. src/kernels/real.rs mirrors them.

fn exp_f32(value: f32) -> f32 {
    let x = clamp(value, -87.0, 88.0);
    let k = floor(x * 1.44269504 + 0.5);
    let r = (x - k * 0.6933594) + k * 2.1219444e-4;
    var p = 1.9875691e-4;
    p = p * r + 1.3981999e-3;
    p = p * r + 8.333452e-3;
    p = p * r + 4.1665796e-2;
    p = p * r + 1.6666665e-1;
    p = p * r + 5.0000001e-1;
    let y = p * (r * r) + r + 1.0;
    return y * bitcast<f32>(u32(i32(k) + 127) << 23u);
}

// x > 0.
fn ln_f32(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    var e = f32(i32(bits >> 23u) - 126);
    var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f000000u);
    if m < 0.70710678 {
        e -= 1.0;
        m = m + m;
    }
    m -= 1.0;
    let z = m * m;
    var p = 7.0376836e-2;
    p = p * m - 1.151461e-1;
    p = p * m + 1.1676999e-1;
    p = p * m - 1.2420141e-1;
    p = p * m + 1.4249323e-1;
    p = p * m - 1.6668058e-1;
    p = p * m + 2.0000715e-1;
    p = p * m - 2.4999994e-1;
    p = p * m + 3.3333331e-1;
    let y = (p * m * z - e * 2.1219444e-4) - 0.5 * z;
    return (m + y) + e * 0.6933594;
}

// x in [0, 1]. Kahan: the rounding of u = 1 + x is undone by the factor x / (u - 1). Compilers that take floats for
// reals (Mesa's, Metal's) would make x of u - 1, and 0 of the logarithm where x < 6e-8; so u goes through an operation on
// its bits, which changes none, since u is at least 1.
fn ln_1p_f32(x: f32) -> f32 {
    let u = bitcast<f32>(max(bitcast<u32>(1.0 + x), 0x3f800000u));
    let d = u - 1.0;
    return select(ln_f32(u) * (x / select(d, 1.0, d == 0.0)), x, d == 0.0);
}

fn tanh_f32(value: f32) -> f32 {
    let x = abs(value);
    let z = value * value;
    var p = -5.7049887e-3;
    p = p * z + 2.063909e-2;
    p = p * z - 5.3739715e-2;
    p = p * z + 1.3331442e-1;
    p = p * z - 3.3333282e-1;
    let near = value + value * (p * z);
    let far = 1.0 - 2.0 / (exp_f32(x + x) + 1.0);
    return select(select(far, -far, value < 0.0), near, x < 0.625);
}

fn sigmoid_f32(x: f32) -> f32 {
    return 1.0 / (1.0 + exp_f32(-x));
}
