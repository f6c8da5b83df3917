// Activations by their code (src/kernels/activation.rs): the function of the pre-activation, and
// its derivative written in terms of the function's value.

fn activate(activation: u32, z: f32) -> f32 {
    switch activation {
        case 1u: { return max(z, 0.0); }
        case 2u: { return tanh_f32(z); }
        case 3u: { return sigmoid_f32(z); }
        default: { return z; }
    }
}

fn activation_derivative(activation: u32, y: f32) -> f32 {
    switch activation {
        case 1u: { return select(0.0, 1.0, y > 0.0); }
        case 2u: { return 1.0 - y * y; }
        case 3u: { return y * (1.0 - y); }
        default: { return 1.0; }
    }
}
