// Four neighbouring terms from k on of a column of the kernel turned round (conv_gradient_input.wgsl), each by itself, for any
// number of channels: `weights` is bound as f32. Past the last term stands the last again.

fn turned_1(group: u32, column: u32, k: u32) -> f32 {
    return weights[turned_at(group, column, min(k, params.taps_y * params.taps_x * params.channels - 1u))];
}

fn turned_4(group: u32, column: u32, k: u32) -> vec4f {
    return vec4f(
        turned_1(group, column, k),
        turned_1(group, column, k + 1u),
        turned_1(group, column, k + 2u),
        turned_1(group, column, k + 3u),
    );
}
