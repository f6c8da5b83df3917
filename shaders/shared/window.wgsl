// Windows along one axis of a picture: place p's window begins at p stride - before and has `size` rows (or columns) of
// the axis' `length`.

// The rows that the window at `place` sees: from x to below y.
fn window_rows(place: u32, stride: u32, before: u32, size: u32, length: u32) -> vec2u {
    let start = place * stride;
    return vec2u(max(start, before) - before, min(start + size - before, length));
}

// The places whose windows see row `at`: from x to below y.
fn window_places(at: u32, stride: u32, before: u32, size: u32, places: u32) -> vec2u {
    let end = at + before;
    let first = select(0u, divide(end - size, stride) + 1u, end >= size);
    return vec2u(first, min(divide(end, stride) + 1u, places));
}

// The rows that are nobody's but those of the window at `place`, where no two windows see the same: from its first on to
// below the next one's, and at the ends all that there are. From x to below y.
fn window_cell(place: u32, stride: u32, before: u32, places: u32, length: u32) -> vec2u {
    let start = place * stride;
    let end = min(max(start + stride, before) - before, length);
    return vec2u(min(max(start, before) - before, length), select(end, length, place + 1u == places));
}
