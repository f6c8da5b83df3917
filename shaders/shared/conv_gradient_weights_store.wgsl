// Where conv_gradient_weights.wgsl keeps an element. For outputs bound as f32.

fn store(part: u32, row: u32, column: u32, sum: f32) {
    let rows = (params.first_part + quotient(part, params.groups)) * (kernel_rows() + params.bias) + row;
    gradient[(rows * params.groups + group_of(part)) * params.units + column] = sum;
}
