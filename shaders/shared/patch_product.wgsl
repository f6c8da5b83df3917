// Sizes of the product of patches and a kernel (patches.wgsl): a row of A is a place.

fn product_size(part: u32) -> vec3u {
    return vec3u(params.pictures * params.lines * params.columns, params.units, params.terms);
}
