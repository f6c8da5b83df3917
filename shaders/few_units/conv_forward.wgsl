// conv_forward (see conv_forward.wgsl) for channels that are a multiple of 4, bound as vec4f, and few units, bound as f32. One
// form of shared/product_few_units.wgsl.

fn load_b(part: u32, column: u32, k_4: u32) -> vec4f {
    let filters = params.groups * params.units;
    let at = (params.first_term + 4u * k_4) * filters + part * params.units + column;
    return vec4f(weights[at], weights[at + filters], weights[at + 2u * filters], weights[at + 3u * filters]);
}
