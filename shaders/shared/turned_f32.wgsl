// B of the product: four neighbouring terms of a column of the kernel turned round (conv_gradient_input.wgsl), each by itself, for any
// number of channels: `weights` is bound as f32. Past the last term stands the last again.

fn turned_1(group: u32, column: u32, k: u32) -> f32 {
    return weights[turned_at(group, column, min(k, params.taps_y * params.taps_x * params.channels - 1u))];
}

fn load_b(part: u32, column: u32, k_4: u32) -> vec4f {
    let k = params.first_term + 4u * k_4;
    return vec4f(
        turned_1(part, column, k),
        turned_1(part, column, k + 1u),
        turned_1(part, column, k + 2u),
        turned_1(part, column, k + 3u),
    );
}
