// activate (activation.wgsl) for an item of eight numbers.

fn activate_item(activation: u32, z: mat2x4f) -> mat2x4f {
    return mat2x4f(activate_4(activation, z[0]), activate_4(activation, z[1]));
}
