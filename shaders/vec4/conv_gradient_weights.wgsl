// conv_gradient_weights (see conv_gradient_weights.wgsl) for channels and units that are multiples of 4, over bindings of
// vec4f. One form of shared/product_vec4.wgsl.

const A_ALONG_K: bool = false;
const B_ALONG_K: bool = false;

fn group_of(part: u32) -> u32 {
    return part - quotient(part, params.groups) * params.groups;
}

fn picture_of(part: u32) -> u32 {
    return quotient(part, params.groups) * params.part_pictures;
}

fn kernel_rows() -> u32 {
    return params.taps_y * params.taps_x * params.channels;
}

fn product_size(part: u32) -> vec3u {
    let pictures = min(params.part_pictures, params.pictures - picture_of(part));
    let places = pictures * params.lines * params.columns;
    return vec3u(kernel_rows() + params.bias, params.units, places);
}

// The rows from the kernel's last on are ones: they give the bias's gradient.
fn load_a(part: u32, row_4: u32, k: u32) -> vec4f {
    let place = place_of(picture_of(part), k);
    let element = patch_element(place, group_of(part), term_of(4u * row_4));
    let found = select(vec4f(0.0), source[element.at / 4u], element.inside);
    return select(found, vec4f(1.0), 4u * row_4 >= kernel_rows());
}

fn load_b(part: u32, column_4: u32, k: u32) -> vec4f {
    let place = place_of(picture_of(part), k);
    let pixel = (place.picture * params.target_height + place.line) * params.columns + place.column;
    return d_output[(pixel * params.groups + group_of(part)) * (params.units / 4u) + column_4];
}

fn store(part: u32, row: u32, column_4: u32, sums: vec4f) {
    let rows = (params.first_part + quotient(part, params.groups)) * (kernel_rows() + params.bias) + row;
    gradient[(rows * params.groups + group_of(part)) * (params.units / 4u) + column_4] = sums;
}
