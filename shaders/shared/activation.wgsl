// Activations by their code (src/kernels/activation.rs): the function of the pre-activation, and
// its derivative written in terms of the function's value.

// Codes from here on are leaky relus; the rest are the bits of the slope.
const LEAKY_RELU: u32 = 0x40000000u;

fn activate(activation: u32, z: f32) -> f32 {
    if activation >= LEAKY_RELU {
        return select(z * bitcast<f32>(activation ^ LEAKY_RELU), z, z >= 0.0);
    }
    switch activation {
        case 1u: { return max(z, 0.0); }
        case 2u: { return tanh_f32(z); }
        case 3u: { return sigmoid_f32(z); }
        default: { return z; }
    }
}

fn activation_derivative(activation: u32, y: f32) -> f32 {
    if activation >= LEAKY_RELU {
        return select(bitcast<f32>(activation ^ LEAKY_RELU), 1.0, y >= 0.0);
    }
    switch activation {
        case 1u: { return select(0.0, 1.0, y > 0.0); }
        case 2u: { return 1.0 - y * y; }
        case 3u: { return y * (1.0 - y); }
        default: { return 1.0; }
    }
}

// The same of four numbers.
fn activate_4(activation: u32, z: vec4f) -> vec4f {
    return vec4f(
        activate(activation, z.x),
        activate(activation, z.y),
        activate(activation, z.z),
        activate(activation, z.w),
    );
}

fn activation_derivative_4(activation: u32, y: vec4f) -> vec4f {
    return vec4f(
        activation_derivative(activation, y.x),
        activation_derivative(activation, y.y),
        activation_derivative(activation, y.z),
        activation_derivative(activation, y.w),
    );
}
