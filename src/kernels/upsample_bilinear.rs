//! Pictures enlarged by linear interpolation along both axes, as Keras' `UpSampling2D` with `bilinear`: pixels have their
//! centres at halves, and beyond the outermost there is no slope (`shaders/shared/bilinear.wgsl`).

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_costly_rows, vectorised};

kernel! {
    name: "upsample_bilinear",
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
        source: [wgsl!("shared/pixel.wgsl"), wgsl!("shared/bilinear.wgsl"), wgsl!("upsample_bilinear.wgsl")],
    },
    reference: reference,
    case: case,
    benches: [("32 x 14 x 14 x 64", [14, 14, 64, 32])],
}

/// Where row `at` of an axis of `length`, enlarged `size` times, lies: the row before, the row behind, and its share.
pub(super) fn between<T: Real>(at: usize, size: usize, length: usize) -> (usize, usize, T) {
    let n = 2 * at + 1 + size;
    let next = n / (2 * size);
    let share = T::from_usize(n % (2 * size)) / T::from_usize(2 * size);
    (next.max(1) - 1, next.min(length - 1), share)
}

fn reference<T: Real>(p: &Params, input: &[T], output: &mut [T]) {
    let (height, width, channels) = (p.height as usize, p.width as usize, p.channels as usize);
    let (tall, wide) = (p.size_height as usize, p.size_width as usize);
    let line = width * wide * channels;
    let lines = &mut output[..p.rows as usize * height * tall * line];
    for_costly_rows(lines, line, 2 * line, |first, lines| {
        for (output, i) in lines.chunks_exact_mut(line).zip(first..) {
            let (row, y) = (i / (height * tall), i % (height * tall));
            let (low, high, down) = between::<T>(y, tall, height);
            let at = |y: usize, x: usize| {
                &input[((row * height + y) * width + x) * channels..][..channels]
            };
            for (output, x) in output.chunks_exact_mut(channels).zip(0..) {
                let (left, right, across) = between::<T>(x, wide, width);
                let top = at(low, left).iter().zip(at(low, right));
                let given = top.zip(at(high, left).iter().zip(at(high, right)));
                vectorised(
                    #[inline(always)]
                    || {
                        for (y, ((&a, &b), (&c, &d))) in output.iter_mut().zip(given) {
                            let top = a * (T::ONE - across) + b * across;
                            let bottom = c * (T::ONE - across) + d * across;
                            *y = top * (T::ONE - down) + bottom * down;
                        }
                    },
                );
            }
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
    c.moves(read + read * tall * wide);
    let bindings =
        Bindings { input: c.random(read, 1.0), output: c.output(read * tall * wide, EXACT) };
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
