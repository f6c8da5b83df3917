// The normal distribution: its distribution function Phi, by the complementary error function's Chebyshev fit
// (Press et al., Numerical Recipes, erfcc: relative error below 1.2e-7), and its density phi.
// src/kernels/real.rs mirrors them.

fn normal_cdf(z: f32) -> f32 {
    let x = abs(z) * 0.70710678;
    let t = 1.0 / (1.0 + 0.5 * x);
    var p = 0.17087277;
    p = p * t - 0.82215223;
    p = p * t + 1.48851587;
    p = p * t - 1.13520398;
    p = p * t + 0.27886807;
    p = p * t - 0.18628806;
    p = p * t + 0.09678418;
    p = p * t + 0.37409196;
    p = p * t + 1.00002368;
    p = p * t - 1.26551223;
    let tail = 0.5 * t * exp_f32(p - x * x);
    return select(1.0 - tail, tail, z < 0.0);
}

fn normal_pdf(z: f32) -> f32 {
    return 0.39894228 * exp_f32(-0.5 * z * z);
}
