// What is found once of four rows of conv_gradient_weights.wgsl: the terms that they are, by shared/patch_*.wgsl.

struct Left {
    row_4: u32,
    terms: Terms,
}

fn left_of(part: u32, row_4: u32) -> Left {
    return Left(row_4, terms_at(4u * row_4));
}
