// activation_derivative (activation.wgsl) for an item of four numbers.

fn derivative_item(activation: u32, y: vec4f) -> vec4f {
    return activation_derivative_4(activation, y);
}
