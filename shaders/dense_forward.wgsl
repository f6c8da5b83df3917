// output = activation(input W + bias): [rows, units] from [rows, inputs] and
// weights [inputs + 1, units], whose last row is the bias. One form of shared/product_*.wgsl,
// with bias and activation in the epilogue.
//
// A layer whose weights exceed a binding is computed in pieces of W's rows: `input` has `stride`
// columns, of which the piece reads `inputs` from `first` on; `adds` says that output holds the sum
// of the pieces before, and `bias` that the piece ends in the bias.

const A_ROWS_ARE_CONTIGUOUS: bool = true;
const B_ROWS_ARE_CONTIGUOUS: bool = true;

fn product_size(part: u32) -> vec3u {
    return vec3u(params.rows, params.units, params.inputs);
}

fn load_a(part: u32, row: u32, k: u32) -> f32 {
    return input[row * params.stride + params.first + k];
}

fn load_b(part: u32, k: u32, column: u32) -> f32 {
    return weights[k * params.units + column];
}

fn store(part: u32, row: u32, column: u32, sum: f32) {
    let at = row * params.units + column;
    var z = sum;
    if params.adds == 1u {
        z += output[at];
    }
    if params.bias == 1u {
        z += weights[params.inputs * params.units + column];
    }
    output[at] = activate(params.activation, z);
}
