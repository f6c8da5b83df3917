// d_input [rows, inputs] = (d_output W^T) * activation'(input): the gradient with respect to the
// pre-activation of the layer that produced `input` [rows, inputs] by `activation` (linear where
// none did). The bias row of weights [inputs + 1, units] plays no part. One form of
// shared/product_*.wgsl, with the derivative in the epilogue.
//
// A piece of a layer (see dense_forward.wgsl) gives the `inputs` columns from `first` on of `input`
// and d_input, which have `stride`. Of more units than one dispatch may sum (MOST_TERMS of
// src/kernels/product.rs) each dispatch adds `terms` from `first_unit` on, and the last the derivative.

const A_ROWS_ARE_CONTIGUOUS: bool = true;
const B_ROWS_ARE_CONTIGUOUS: bool = false;

fn product_size(part: u32) -> vec3u {
    return vec3u(params.rows, params.inputs, params.terms);
}

fn load_a(part: u32, row: u32, k: u32) -> f32 {
    return d_output[row * params.units + params.first_unit + k];
}

fn load_b(part: u32, k: u32, column: u32) -> f32 {
    return weights[column * params.units + params.first_unit + k];
}

fn store(part: u32, row: u32, column: u32, sum: f32) {
    let i = row * params.stride + params.first + column;
    var total = sum;
    if params.first_unit > 0u {
        total += d_input[i];
    }
    if params.first_unit + params.terms == params.units {
        total *= activation_derivative(params.activation, input[i]);
    }
    d_input[i] = total;
}
