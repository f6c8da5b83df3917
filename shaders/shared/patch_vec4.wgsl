// Four neighbouring terms of a patch (patches.wgsl) from k on, which lie behind each other: channels are a multiple of 4, and
// `source` is bound as vec4f.

alias Terms = Term;

fn terms_at(k: u32) -> Terms {
    return term_of(k);
}

fn patch_4(place: Place, group: u32, terms: Terms) -> vec4f {
    let element = patch_element(place, group, terms);
    return select(vec4f(0.0), source[element.at / 4u], element.inside);
}
