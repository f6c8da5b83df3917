//! Gradient of pictures enlarged by linear interpolation ([`super::upsample_bilinear`]): a pixel has its share of each that it
//! has a share in, row by row, times the derivative of the activation that it is a value of.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Activation, Real, for_costly_rows, vectorised};

kernel! {
    name: "upsample_bilinear_gradient",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Of the pictures that are read.
        height: u32,
        /// Of the pictures that are read.
        width: u32,
        /// Channels.
        channels: u32,
        /// Rows that one becomes.
        size_height: u32,
        /// Columns that one becomes.
        size_width: u32,
        /// [`Activation::code`] of the layer that produced `input`.
        activation: u32,
    },
    bindings: {
        /// `[rows, height, width, channels]`
        input: read f32 as Item,
        /// `[rows, height size_height, width size_width, channels]`
        d_output: read f32 as Item,
        /// `[rows, height, width, channels]`
        d_input: write f32 as Item,
    },
    items: {
        width: |p| p.channels,
        rows: |p| p.rows as usize * p.height as usize * p.width as usize,
        scalar: wgsl!("shared/derivative_f32.wgsl"), vec4: wgsl!("shared/derivative_vec4.wgsl"),
        source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/pixel.wgsl"), wgsl!("shared/bilinear.wgsl"), wgsl!("upsample_bilinear_gradient.wgsl")],
    },
    loop_iterations: |p| 1 + 3 * p.size_height as u64 * (1 + 3 * p.size_width as u64),
    reference: reference,
    case: case,
    benches: [("32 x 14 x 14 x 64", [14, 14, 64, 32])],
}

fn reference<T: Real>(p: &Params, input: &[T], d_output: &[T], d_input: &mut [T]) {
    use super::upsample_bilinear::between;
    let (height, width, channels) = (p.height as usize, p.width as usize, p.channels as usize);
    let (tall, wide) = (p.size_height as usize, p.size_width as usize);
    let activation = Activation::from_code(p.activation);
    let line = width * channels;
    let lines = &mut d_input[..p.rows as usize * height * line];
    // The enlarged rows that a row may have a share in, and its share in one.
    let reached = |at: usize, size: usize, length: usize| {
        (at.max(1) - 1) * size..((at + 2) * size).min(length * size)
    };
    let share = |at: usize, (low, high, share): (usize, usize, T)| {
        (if low == at { T::ONE - share } else { T::ZERO })
            + if high == at { share } else { T::ZERO }
    };
    for_costly_rows(lines, line, 4 * tall * wide * line, |first, lines| {
        for (d_input, i) in lines.chunks_exact_mut(line).zip(first..) {
            let (row, y) = (i / height, i % height);
            d_input.fill(T::ZERO);
            for from_y in reached(y, tall, height) {
                let down = share(y, between(from_y, tall, height));
                let given = (row * height * tall + from_y) * width * wide;
                for (sums, x) in d_input.chunks_exact_mut(channels).zip(0..) {
                    for from_x in reached(x, wide, width) {
                        let factor = down * share(x, between(from_x, wide, width));
                        let d = &d_output[(given + from_x) * channels..][..channels];
                        vectorised(
                            #[inline(always)]
                            || sums.iter_mut().zip(d).for_each(|(sum, &d)| *sum += d * factor),
                        );
                    }
                }
            }
            activation.scale_by_derivative(d_input, &input[i * line..][..line]);
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [height, width, channels, rows]: Sizes) -> Dispatch {
    let [height, width] =
        if c.is_bench() { [height, width] } else { [1 + height % 7, 1 + width % 9] };
    let (tall, wide) = if c.is_bench() { (2, 2) } else { (1 + height % 3, 1 + width % 4) };
    let read = rows * height * width * channels;
    c.moves(2 * read + read * tall * wide);
    let bindings = Bindings {
        input: c.random(read, 1.0),
        d_output: c.random(read * tall * wide, 1.0),
        d_input: c.output(read, 1e-5),
    };
    let activation = if c.is_bench() { 0 } else { Activation::ALL[(channels + rows) % 5].code() };
    let params = Params {
        rows: rows as u32,
        height: height as u32,
        width: width as u32,
        channels: channels as u32,
        size_height: tall as u32,
        size_width: wide as u32,
        activation,
    };
    dispatch(params, bindings)
}
