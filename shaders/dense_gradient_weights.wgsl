// gradient [inputs + 1, units] = [input 1]^T d_output: the kernel's gradient, and in the last row
// the bias's, the column sums of d_output [rows, units]. One form of shared/product_*.wgsl.
//
// Many rows and few elements would leave most of a card idle: then each `part_rows` rows give a gradient of
// their own, one behind the other, and sum_parts adds those.
//
// A piece of a layer (see dense_forward.wgsl) reads the `inputs` columns from `first` on of `input`,
// which has `stride`, and has the last row where `bias` says so.

const A_ROWS_ARE_CONTIGUOUS: bool = false;
const B_ROWS_ARE_CONTIGUOUS: bool = true;

fn product_size(part: u32) -> vec3u {
    let rows = min(params.part_rows, params.rows - part * params.part_rows);
    return vec3u(params.inputs + params.bias, params.units, rows);
}

fn load_a(part: u32, row: u32, k: u32) -> f32 {
    if row == params.inputs {
        return 1.0;
    }
    return input[(part * params.part_rows + k) * params.stride + params.first + row];
}

fn load_b(part: u32, k: u32, column: u32) -> f32 {
    return d_output[(part * params.part_rows + k) * params.units + column];
}

fn store(part: u32, row: u32, column: u32, sum: f32) {
    let rows_before = part * (params.inputs + params.bias);
    gradient[(rows_before + row) * params.units + column] = sum;
}
