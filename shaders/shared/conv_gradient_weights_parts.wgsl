// Which pictures and group a part of conv_gradient_weights.wgsl is, and its product's sizes.

fn group_of(part: u32) -> u32 {
    return part - quotient(part, params.groups) * params.groups;
}

fn picture_of(part: u32) -> u32 {
    return quotient(part, params.groups) * params.part_pictures;
}

// The pixel of `d_output` at place k of a part: they lie one behind another, in whole pictures or in a band of one.
fn pixel_of(part: u32, k: u32) -> u32 {
    return (picture_of(part) * params.target_height + params.first_line) * params.columns + k;
}

fn kernel_rows() -> u32 {
    return params.taps_y * params.taps_x * params.channels;
}

fn product_size(part: u32) -> vec3u {
    let pictures = min(params.part_pictures, params.pictures - picture_of(part));
    let places = pictures * params.lines * params.columns;
    return vec3u(kernel_rows() + params.bias, params.units, places);
}
