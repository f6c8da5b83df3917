// dense_forward (see dense_forward.wgsl) for sizes that are multiples of 4, over
// bindings of vec4f. One form of shared/product_vec4.wgsl.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;

fn product_size(part: u32) -> vec3u {
    return vec3u(params.rows, params.units, params.inputs);
}

// Of a row of A nothing is found ahead.
alias Left = u32;

fn left_of(part: u32, row: u32) -> Left {
    return row;
}

fn load_a(part: u32, row: Left, k_4: u32) -> vec4f {
    return input[row * (params.stride / 4u) + params.first / 4u + k_4];
}

fn load_b(part: u32, column_4: u32, k: u32) -> vec4f {
    return weights[k * (params.units / 4u) + column_4];
}

fn store(part: u32, row: u32, column_4: u32, sums: vec4f) {
    let at = row * (params.units / 4u) + column_4;
    var z = sums;
    if params.adds == 1u {
        z += output[at];
    }
    if params.bias == 1u {
        z += weights[params.inputs * (params.units / 4u) + column_4];
    }
    output[at] = activate_4(params.activation, z);
}
