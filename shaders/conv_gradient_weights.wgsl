// gradient [parts, taps_y taps_x channels + bias, groups units] = the transposed matrix of patches (shared/patches.wgsl), with
// a row of ones behind it where there is a bias, times d_output [pictures, target_height, columns, groups units]: the
// gradient of a convolution's kernel, and in the last row the bias's. One form of shared/product_*.wgsl.
//
// Each part sums over part_pictures pictures, in lines from first_line on; sum_parts adds the parts. A dispatch gives
// those from first_part on. Its own parts are the parts of the gradient times the groups, groups first.

const A_ROWS_ARE_CONTIGUOUS: bool = false;
const B_ROWS_ARE_CONTIGUOUS: bool = true;

fn load_a(part: u32, row: u32, k: u32) -> f32 {
    let place = place_of(picture_of(part), k);
    let element = patch_element(place, group_of(part), term_of(row));
    let found = select(0.0, source[element.at], element.inside);
    return select(found, 1.0, row == kernel_rows());
}

fn load_b(part: u32, k: u32, column: u32) -> f32 {
    return d_output[(pixel_of(part, k) * params.groups + group_of(part)) * params.units + column];
}
