// conv_gradient_weights (see conv_gradient_weights.wgsl) for units that are a multiple of 4, over bindings of vec4f; the patches
// by shared/patch_*.wgsl. One form of shared/product_vec4.wgsl.

const A_ALONG_K: bool = false;
const B_ALONG_K: bool = false;

// The rows from the kernel's last on are ones: they give the bias's gradient.
fn load_a(part: u32, left: Left, k: u32) -> vec4f {
    let found = patch_4(place_of(picture_of(part), k), group_of(part), left.terms);
    return select(found, vec4f(1.0), vec4u(4u * left.row_4) + vec4u(0u, 1u, 2u, 3u) >= vec4u(kernel_rows()));
}

fn load_b(part: u32, column_4: u32, k: u32) -> vec4f {
    return d_output[(pixel_of(part, k) * params.groups + group_of(part)) * (params.units / 4u) + column_4];
}

fn store(part: u32, row: u32, column_4: u32, sums: vec4f) {
    let rows = (params.first_part + quotient(part, params.groups)) * (kernel_rows() + params.bias) + row;
    gradient[(rows * params.groups + group_of(part)) * (params.units / 4u) + column_4] = sums;
}
