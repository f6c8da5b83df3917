// Four neighbouring terms of a patch (patches.wgsl) from k on, each by itself, for any number of channels: `source` is bound as
// f32. Terms past the last are zero.

struct Terms {
    a: Term,
    b: Term,
    c: Term,
    d: Term,
    // Which of them there are.
    inside: vec4<bool>,
}

fn terms_at(k: u32) -> Terms {
    let last = params.taps_y * params.taps_x * params.channels - 1u;
    return Terms(
        term_of(min(k, last)),
        term_of(min(k + 1u, last)),
        term_of(min(k + 2u, last)),
        term_of(min(k + 3u, last)),
        vec4u(k) + vec4u(0u, 1u, 2u, 3u) <= vec4u(last),
    );
}

fn patch_1(place: Place, group: u32, term: Term, inside: bool) -> f32 {
    let element = patch_element(place, group, term);
    return select(0.0, source[element.at], element.inside && inside);
}

fn patch_4(place: Place, group: u32, terms: Terms) -> vec4f {
    return vec4f(
        patch_1(place, group, terms.a, terms.inside.x),
        patch_1(place, group, terms.b, terms.inside.y),
        patch_1(place, group, terms.c, terms.inside.z),
        patch_1(place, group, terms.d, terms.inside.w),
    );
}
