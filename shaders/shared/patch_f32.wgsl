// Four neighbouring terms of a patch (patches.wgsl) from k on, each by itself, for any number of channels: `source` is bound as
// f32. Terms past the last are zero.

fn patch_1(place: Place, group: u32, k: u32) -> f32 {
    let all = params.taps_y * params.taps_x * params.channels;
    let element = patch_element(place, group, term_of(min(k, all - 1u)));
    return select(0.0, source[element.at], element.inside && k < all);
}

fn patch_4(place: Place, group: u32, k: u32) -> vec4f {
    return vec4f(
        patch_1(place, group, k),
        patch_1(place, group, k + 1u),
        patch_1(place, group, k + 2u),
        patch_1(place, group, k + 3u),
    );
}
