// activate (activation.wgsl) for an item of four numbers.

fn activate_item(activation: u32, z: vec4f) -> vec4f {
    return activate_4(activation, z);
}
