// Rows of the matrix of patches that a convolution multiplies (src/kernels/conv.rs): a row is a place, in pictures from
// `first_picture` on, in lines from params.first_line on (params.lines of a picture), in params.columns; a column is a term
// (tap along the height, tap along the width, channel of the group). The matrix lies nowhere: an element of it is one
// of the pictures `[.., source_height, source_width, source_channels]`, or zero beyond their edges.

struct Place {
    picture: u32,
    line: u32,
    column: u32,
}

struct Term {
    tap_y: u32,
    tap_x: u32,
    channel: u32,
}

// n / by for n below 2^20: (n + 1/2) / by is farther from a whole number than the division is off.
// Adapters that a CPU plays divide integers lane by lane.
fn quotient(n: u32, by: u32) -> u32 {
    return u32(i32((f32(i32(n)) + 0.5) / f32(i32(by))));
}

fn place_of(first_picture: u32, row: u32) -> Place {
    let line = quotient(row, params.columns);
    let picture = quotient(line, params.lines);
    return Place(
        first_picture + picture,
        params.first_line + line - picture * params.lines,
        row - line * params.columns,
    );
}

fn term_of(k: u32) -> Term {
    let tap = quotient(k, params.channels);
    let tap_y = quotient(tap, params.taps_x);
    return Term(tap_y, tap - tap_y * params.taps_x, k - tap * params.channels);
}

// The element of the pictures, and whether there is one. Offsets are signed: a window begins before the edge.
struct Element {
    at: u32,
    inside: bool,
}

fn patch_element(place: Place, group: u32, term: Term) -> Element {
    let y = i32(place.line * params.step_y + term.tap_y * params.dilation_y) + bitcast<i32>(params.offset_y);
    let x = i32(place.column * params.step_x + term.tap_x * params.dilation_x) + bitcast<i32>(params.offset_x);
    let row = u32(max(y, 0));
    let column = u32(max(x, 0));
    let inside = y >= 0 && x >= 0 && row < params.source_height && column < params.source_width;
    let pixel = (place.picture * params.source_height + row) * params.source_width + column;
    let at = pixel * params.source_channels + group * params.channels + term.channel;
    return Element(select(0u, at, inside), inside);
}
