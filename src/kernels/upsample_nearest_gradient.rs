//! Gradient of pictures enlarged by repeating rows and columns ([`super::upsample_nearest`]): the sum over the pixels that one
//! became, row by row. Both are values of the same activation, so that no derivative comes in.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_costly_rows, vectorised};

kernel! {
    name: "upsample_nearest_gradient",
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
    },
    bindings: {
        /// `[rows, height size_height, width size_width, channels]`
        d_output: read f32 as Item,
        /// `[rows, height, width, channels]`
        d_input: write f32 as Item,
    },
    items: {
        width: |p| p.channels,
        rows: |p| p.rows as usize * p.height as usize * p.width as usize,
        source: [wgsl!("upsample_nearest_gradient.wgsl")],
    },
    loop_iterations: |p| 1 + p.size_height as u64 * (1 + p.size_width as u64),
    reference: reference,
    case: case,
    benches: [("32 x 14 x 14 x 64", [14, 14, 64, 32])],
}

fn reference<T: Real>(p: &Params, d_output: &[T], d_input: &mut [T]) {
    let (height, width, channels) = (p.height as usize, p.width as usize, p.channels as usize);
    let (tall, wide) = (p.size_height as usize, p.size_width as usize);
    let (line, out_line) = (width * channels, width * wide * channels);
    let lines = &mut d_input[..p.rows as usize * height * line];
    for_costly_rows(lines, line, tall * out_line, |first, lines| {
        for (d_input, i) in lines.chunks_exact_mut(line).zip(first..) {
            d_input.fill(T::ZERO);
            let given = &d_output[i * tall * out_line..][..tall * out_line];
            for given in given.chunks_exact(out_line) {
                let pixels = given.chunks_exact(wide * channels);
                for (sum, pixels) in d_input.chunks_exact_mut(channels).zip(pixels) {
                    vectorised(
                        #[inline(always)]
                        || {
                            for pixel in pixels.chunks_exact(channels) {
                                sum.iter_mut().zip(pixel).for_each(|(sum, &d)| *sum += d);
                            }
                        },
                    );
                }
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [height, width, channels, rows]: Sizes) -> Dispatch {
    let height = if c.is_bench() { height } else { 1 + height % 12 };
    let (tall, wide) = if c.is_bench() { (2, 2) } else { (1 + height % 3, 1 + width % 4) };
    let read = rows * height * width * channels;
    c.moves(read + read * tall * wide);
    let bindings =
        Bindings { d_output: c.random(read * tall * wide, 1.0), d_input: c.output(read, 1e-5) };
    let params = Params {
        rows: rows as u32,
        height: height as u32,
        width: width as u32,
        channels: channels as u32,
        size_height: tall as u32,
        size_width: wide as u32,
    };
    dispatch(params, bindings)
}
