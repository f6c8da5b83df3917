// n / by for n below 2^31 and by below 2^20. Adapters that a CPU plays (SOFTWARE) divide integers lane by lane, and floats
// eight or more at a time: there the quotient of floats, which is off by a few steps where n is large, is put right by
// that of the rest.
fn divide(n: u32, by: u32) -> u32 {
    if !SOFTWARE {
        return n / by;
    }
    let divisor = f32(i32(by));
    let near = i32(f32(i32(n)) / divisor);
    // Signed, and at most a few times `by`; (rest + 1/2) / by is farther from a whole number than the division is off.
    let rest = i32(n) - near * i32(by);
    return u32(near + i32(floor((f32(rest) + 0.5) / divisor)));
}

// Where the n-th pixel lies, or the n-th place of a window, of pictures [height, width].
struct Pixel {
    picture: u32,
    y: u32,
    x: u32,
}

fn pixel_at(n: u32, height: u32, width: u32) -> Pixel {
    let line = divide(n, width);
    let picture = divide(line, height);
    return Pixel(picture, line - picture * height, n - line * width);
}
