// Four neighbouring terms of a patch (patches.wgsl) from k on, which lie behind each other: channels are a multiple of 4, and
// `source` is bound as vec4f.

fn patch_4(place: Place, group: u32, k: u32) -> vec4f {
    let element = patch_element(place, group, term_of(k));
    return select(vec4f(0.0), source[element.at / 4u], element.inside);
}
