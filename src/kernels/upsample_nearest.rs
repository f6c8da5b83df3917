//! Pictures enlarged by repeating rows and columns, as Keras' `UpSampling2D`: `output[y, x] = input[y / tall, x / wide]`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_rows};

kernel! {
    name: "upsample_nearest",
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
        /// `[rows, height, width, channels]`
        input: read f32 as Item,
        /// `[rows, height size_height, width size_width, channels]`
        output: write f32 as Item,
    },
    items: {
        width: |p| p.channels,
        rows: |p| p.rows as usize * (p.height * p.size_height) as usize * (p.width * p.size_width) as usize,
        source: [wgsl!("upsample_nearest.wgsl")],
    },
    reference: reference,
    case: case,
    benches: [("32 x 14 x 14 x 64", [14, 14, 64, 32])],
}

fn reference<T: Real>(p: &Params, input: &[T], output: &mut [T]) {
    let (height, width, channels) = (p.height as usize, p.width as usize, p.channels as usize);
    let (tall, wide) = (p.size_height as usize, p.size_width as usize);
    let line = width * wide * channels;
    for_rows(&mut output[..p.rows as usize * height * tall * line], line, |first, lines| {
        for (output, i) in lines.chunks_exact_mut(line).zip(first..) {
            let input = &input[i / tall * width * channels..][..width * channels];
            let pixels = output.chunks_exact_mut(wide * channels);
            for (output, pixel) in pixels.zip(input.chunks_exact(channels)) {
                output.chunks_exact_mut(channels).for_each(|to| to.copy_from_slice(pixel));
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
        Bindings { input: c.random(read, 1.0), output: c.output(read * tall * wide, 0.0) };
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
