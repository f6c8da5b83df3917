// A of the product of patches and a kernel, four neighbouring terms of a place at a time.

const A_ALONG_K: bool = true;

alias Left = Place;

fn left_of(part: u32, row: u32) -> Left {
    return place_of(params.first_picture, row);
}

fn load_a(part: u32, place: Left, k_4: u32) -> vec4f {
    return patch_4(place, part, terms_at(params.first_term + 4u * k_4));
}
