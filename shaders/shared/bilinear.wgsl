// Where row `at` of an axis enlarged `size` times lies among the rows of the axis: pixels have their centres at halves, so
// that it is at (at + 1/2) / size - 1/2. In whole numbers: n = 2 at + 1 + size, n / (2 size) - 1 rows and a rest.
struct Between {
    // The row before, the row behind; the same at an edge.
    low: u32,
    high: u32,
    // The share of the row behind.
    share: f32,
}

fn between(at: u32, size: u32, length: u32) -> Between {
    let n = 2u * at + 1u + size;
    let next = n / (2u * size);
    let share = f32(n % (2u * size)) / f32(2u * size);
    return Between(max(next, 1u) - 1u, min(next, length - 1u), share);
}

// The enlarged rows that row `at` has a share in: from x to below y.
fn reached(at: u32, size: u32, length: u32) -> vec2u {
    let before = 2u * size * at;
    let first = select(0u, (before - size) / 2u, before > size);
    return vec2u(first, min((2u * size * (at + 2u) - size) / 2u, length * size));
}

// The share that row `at` has in an enlarged row.
fn share_of(at: u32, place: Between) -> f32 {
    return select(0.0, 1.0 - place.share, place.low == at) + select(0.0, place.share, place.high == at);
}
