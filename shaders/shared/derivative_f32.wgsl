// activation_derivative (activation.wgsl) for an item of one number.

fn derivative_item(activation: u32, y: f32) -> f32 {
    return activation_derivative(activation, y);
}
