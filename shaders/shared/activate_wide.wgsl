// activate (activation.wgsl) for an item of eight numbers.

fn activate_four(activation: u32, z: vec4f) -> vec4f {
    return vec4f(
        activate(activation, z.x),
        activate(activation, z.y),
        activate(activation, z.z),
        activate(activation, z.w),
    );
}

fn activate_item(activation: u32, z: mat2x4f) -> mat2x4f {
    return mat2x4f(activate_four(activation, z[0]), activate_four(activation, z[1]));
}
