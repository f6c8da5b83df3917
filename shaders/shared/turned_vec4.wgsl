// Four neighbouring terms from k on of a column of the kernel turned round (conv_gradient_input.wgsl), which lie behind each
// other: channels are a multiple of 4, and `weights` is bound as vec4f.

fn turned_4(group: u32, column: u32, k: u32) -> vec4f {
    return weights[turned_at(group, column, k) / 4u];
}
