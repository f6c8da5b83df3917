// activate (activation.wgsl) for an item of four numbers.

fn activate_item(activation: u32, z: vec4f) -> vec4f {
    return vec4f(
        activate(activation, z.x),
        activate(activation, z.y),
        activate(activation, z.z),
        activate(activation, z.w),
    );
}
