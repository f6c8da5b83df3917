// conv_gradient_weights (see conv_gradient_weights.wgsl) for channels that are a multiple of 4, bound as vec4f, and few units,
// bound as f32. One form of shared/product_few_units.wgsl.

const A_ALONG_K: bool = false;

// The rows from the kernel's last on are ones: they give the bias's gradient.
fn load_a(part: u32, left: Left, k: u32) -> vec4f {
    let found = patch_4(place_of(picture_of(part), k), group_of(part), left.terms);
    return select(found, vec4f(1.0), 4u * left.row_4 >= kernel_rows());
}

// One number, in all four.
fn load_b(part: u32, column: u32, k: u32) -> vec4f {
    return vec4f(d_output[(pixel_of(part, k) * params.groups + group_of(part)) * params.units + column]);
}
