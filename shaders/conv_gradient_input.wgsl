// output [pictures, target_height, target_width, groups units] at the places of one phase (every target_step_y-th line from
// target_first_y on, and so along the width) = the gradient of a convolution's input from that of its output, source
// [.., source_height, source_width, groups channels], by the convolution's weights
// [kernel_height kernel_width units, groups channels]; or what a transposed convolution gives. A product of patches
// (shared/patches.wgsl) and the kernel turned round: tap 0 is the kernel's element last_tap_y, last_tap_x, and each further
// one lies tap_step before it. Each group is a part of its own. One form of shared/product_*.wgsl. It ends as conv_forward
// does, but for the bias `[groups units]`, which is bound as `values`.
//
// Of more terms than one dispatch may sum each dispatch adds `terms` from `first_term` on, and the last the rest.

const A_ROWS_ARE_CONTIGUOUS: bool = true;
const B_ROWS_ARE_CONTIGUOUS: bool = false;

fn load_a(part: u32, row: u32, k: u32) -> f32 {
    let place = place_of(params.first_picture, row);
    let element = patch_element(place, part, term_of(params.first_term + k));
    return select(0.0, source[element.at], element.inside);
}

fn load_b(part: u32, k: u32, column: u32) -> f32 {
    return weights[turned_at(part, column, params.first_term + k)];
}
