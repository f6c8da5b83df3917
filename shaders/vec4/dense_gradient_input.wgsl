// dense_gradient_input (see dense_gradient_input.wgsl) for sizes that are multiples
// of 4, over bindings of vec4f. One form of shared/product_vec4.wgsl.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = true;

fn product_size(part: u32) -> vec3u {
    return vec3u(params.rows, params.inputs, params.terms);
}

// Of a row of A nothing is found ahead.
alias Left = u32;

fn left_of(part: u32, row: u32) -> Left {
    return row;
}

fn load_a(part: u32, row: Left, k_4: u32) -> vec4f {
    return d_output[row * (params.units / 4u) + params.first_unit / 4u + k_4];
}

fn load_b(part: u32, column: u32, k_4: u32) -> vec4f {
    return weights[column * (params.units / 4u) + params.first_unit / 4u + k_4];
}

fn store(part: u32, row: u32, column_4: u32, sums: vec4f) {
    let i = row * (params.stride / 4u) + params.first / 4u + column_4;
    var total = sums;
    if params.first_unit > 0u {
        total += d_input[i];
    }
    if params.first_unit + params.terms == params.units {
        let y = input[i];
        total *= activation_derivative_4(params.activation, y);
    }
    d_input[i] = total;
}
