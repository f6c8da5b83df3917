// activate (activation.wgsl) for an item of one number.

fn activate_item(activation: u32, z: f32) -> f32 {
    return activate(activation, z);
}
