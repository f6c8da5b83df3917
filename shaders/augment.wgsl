// output [rows, height, width, channels] = the pictures of input, each moved by a transform of its own that is drawn
// anew for every step: mirrored, cut to a window that is enlarged, turned, shifted by whole pixels. What a pixel shows is
// looked up where the transform takes it back to, between the four nearest pixels; outside is the nearest pixel of the
// edge. One invocation an element.

// A number from 0 to below 1 of 24 bits.
fn uniform_draw(row: u32, draw: u32) -> f32 {
    let bits = random_bits(params.seed, params.stream, state[BATCH_STEP], 8u * (params.first + row) + draw);
    return f32(bits >> 8u) * 5.9604645e-8;
}

// A whole number from -most to most.
fn whole_draw(row: u32, draw: u32, most: u32) -> f32 {
    let bits = random_bits(params.seed, params.stream, state[BATCH_STEP], 8u * (params.first + row) + draw);
    return f32((bits >> 8u) % (2u * most + 1u)) - f32(most);
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    let height = params.height;
    let width = params.width;
    let channels = params.channels;
    if i >= params.rows * height * width * channels {
        return;
    }
    let pixel = i / channels;
    let row = pixel / (height * width);
    let middle = vec2f(0.5 * f32(width - 1u), 0.5 * f32(height - 1u));
    var place = vec2f(f32(pixel % width), f32(pixel / width % height)) - middle;
    if (params.flips & 1u) == 1u && uniform_draw(row, 0u) < 0.5 {
        place.x = -place.x;
    }
    if (params.flips & 2u) == 2u && uniform_draw(row, 1u) < 0.5 {
        place.y = -place.y;
    }
    // A window of a part of each side, anywhere within.
    let part = params.crop + (1.0 - params.crop) * uniform_draw(row, 2u);
    let aside = vec2f(2.0 * uniform_draw(row, 3u) - 1.0, 2.0 * uniform_draw(row, 4u) - 1.0);
    place = part * place + (1.0 - part) * aside * middle;
    // Sine and cosine by their series at a quarter of the angle, doubled twice.
    let q = 0.25 * params.rotate * (2.0 * uniform_draw(row, 5u) - 1.0);
    let r = q * q;
    var turn = vec2f(
        q * (1.0 + r * (-0.16666667 + r * (0.008333334 - r * 1.9841270e-4))),
        1.0 + r * (-0.5 + r * (0.041666668 + r * (-0.0013888889 + r * 2.4801588e-5))),
    );
    turn = vec2f(2.0 * turn.x * turn.y, 1.0 - 2.0 * turn.x * turn.x);
    turn = vec2f(2.0 * turn.x * turn.y, 1.0 - 2.0 * turn.x * turn.x);
    place = vec2f(turn.y * place.x - turn.x * place.y, turn.x * place.x + turn.y * place.y);
    place += middle + vec2f(whole_draw(row, 6u, params.shift), whole_draw(row, 7u, params.shift));
    place = clamp(place, vec2f(0.0), 2.0 * middle);
    let corner = floor(place);
    let between = place - corner;
    let low = vec2u(corner);
    let high = min(low + vec2u(1u), vec2u(width - 1u, height - 1u));
    let start = row * height * width;
    let channel = i % channels;
    let a = input[(start + low.y * width + low.x) * channels + channel];
    let b = input[(start + low.y * width + high.x) * channels + channel];
    let c = input[(start + high.y * width + low.x) * channels + channel];
    let d = input[(start + high.y * width + high.x) * channels + channel];
    let above = a + between.x * (b - a);
    let below = c + between.x * (d - c);
    output[i] = above + between.y * (below - above);
}
