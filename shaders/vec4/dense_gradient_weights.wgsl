// dense_gradient_weights (see dense_gradient_weights.wgsl) for sizes that are
// multiples of 4, over bindings of vec4f. One form of shared/product_vec4.wgsl.

const A_ALONG_K: bool = false;
const B_ALONG_K: bool = false;

fn product_size(part: u32) -> vec3u {
    let rows = min(params.part_rows, params.rows - part * params.part_rows);
    return vec3u(params.inputs + params.bias, params.units, rows);
}

// Of a row of A nothing is found ahead.
alias Left = u32;

fn left_of(part: u32, row_4: u32) -> Left {
    return row_4;
}

// The rows from `inputs` on are ones: they give the bias's gradient.
fn load_a(part: u32, row_4: Left, k: u32) -> vec4f {
    if row_4 * 4u >= params.inputs {
        return vec4f(1.0);
    }
    return input[(part * params.part_rows + k) * (params.stride / 4u) + params.first / 4u + row_4];
}

fn load_b(part: u32, column_4: u32, k: u32) -> vec4f {
    return d_output[(part * params.part_rows + k) * (params.units / 4u) + column_4];
}

fn store(part: u32, row: u32, column_4: u32, sums: vec4f) {
    let rows_before = part * (params.inputs + params.bias);
    gradient[(rows_before + row) * (params.units / 4u) + column_4] = sums;
}
