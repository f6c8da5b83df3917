// B of the product: four neighbouring terms of a column of the kernel turned round (conv_gradient_input.wgsl), which lie behind each
// other: channels are a multiple of 4, and `weights` is bound as vec4f.

fn load_b(part: u32, column: u32, k_4: u32) -> vec4f {
    return weights[turned_at(part, column, params.first_term + 4u * k_4) / 4u];
}
