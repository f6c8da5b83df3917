// conv_gradient_input (see conv_gradient_input.wgsl) for channels of the source that are a multiple of 4, bound as vec4f as the
// weights are, and few units, bound as f32. One form of shared/product_few_units.wgsl.

const A_ALONG_K: bool = true;

fn product_size(part: u32) -> vec3u {
    return vec3u(params.pictures * params.lines * params.columns, params.units, params.terms);
}

fn load_a(part: u32, row: u32, k_4: u32) -> vec4f {
    return patch_4(place_of(params.first_picture, row), part, params.first_term + 4u * k_4);
}

fn load_b(part: u32, column: u32, k_4: u32) -> vec4f {
    return turned_4(part, column, params.first_term + 4u * k_4);
}
