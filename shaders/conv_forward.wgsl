// output [pictures, target_height, columns, groups units] = the convolution of source, by weights
// [taps_y taps_x channels, groups units] and, behind them, the bias: a product of patches (shared/patches.wgsl) and weights,
// each group a part of its own. One form of shared/product_*.wgsl. It ends in bias and activation, or, where `derivative`
// says so, in the derivative of the activation that gave `values`, which lie as output does.
//
// Of more terms than one dispatch may sum each dispatch adds `terms` from `first_term` on, and the last the rest.

const A_ROWS_ARE_CONTIGUOUS: bool = true;
const B_ROWS_ARE_CONTIGUOUS: bool = true;

fn load_a(part: u32, row: u32, k: u32) -> f32 {
    let place = place_of(params.first_picture, row);
    let element = patch_element(place, part, term_of(params.first_term + k));
    return select(0.0, source[element.at], element.inside);
}

fn load_b(part: u32, k: u32, column: u32) -> f32 {
    let filters = params.groups * params.units;
    return weights[(params.first_term + k) * filters + part * params.units + column];
}
