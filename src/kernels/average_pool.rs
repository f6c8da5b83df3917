//! The mean of each window of a picture, by channel, as Keras' `AveragePooling2D`: of the pixels that lie in the picture;
//! padding is not counted.

#[cfg(feature = "unstable")]
use super::case::*;
#[cfg(feature = "unstable")]
use super::pooling::axes_of_case;
use super::pooling::Axis;
use super::{Real, for_costly_rows, vectorised};

kernel! {
    name: "average_pool",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Of the pictures that are read.
        height: u32,
        /// Of the pictures that are read.
        width: u32,
        /// Channels.
        channels: u32,
        /// Places of the window along the height.
        out_height: u32,
        /// Places of the window along the width.
        out_width: u32,
        /// Height of the window.
        pool_height: u32,
        /// Width of the window.
        pool_width: u32,
        /// Rows between two places.
        stride_height: u32,
        /// Columns between two places.
        stride_width: u32,
        /// Rows of padding before the first.
        before_height: u32,
        /// Columns of padding before the first.
        before_width: u32,
    },
    bindings: {
        /// `[rows, height, width, channels]`
        input: read f32 as Item,
        /// `[rows, out_height, out_width, channels]`
        output: write f32 as Item,
    },
    items: {
        width: |p| p.channels,
        rows: |p| p.rows as usize * p.out_height as usize * p.out_width as usize,
        source: [wgsl!("shared/window.wgsl"), wgsl!("average_pool.wgsl")],
    },
    loop_iterations: |p| 1 + p.pool_height as u64 * (1 + p.pool_width as u64),
    reference: reference,
    case: case,
    benches: [("32 x 28 x 28 x 64", [28, 28, 64, 32])],
}

impl Params {
    fn axes(&self) -> [Axis; 2] {
        let p = self;
        [
            Axis::new(p.height, p.out_height, p.pool_height, p.stride_height, p.before_height),
            Axis::new(p.width, p.out_width, p.pool_width, p.stride_width, p.before_width),
        ]
    }
}

fn reference<T: Real>(p: &Params, input: &[T], output: &mut [T]) {
    let ([down, across], channels) = (p.axes(), p.channels as usize);
    let line = across.places * channels;
    let picture = down.length * across.length * channels;
    let cost = line * (1 + down.size * across.size / 2);
    for_costly_rows(&mut output[..p.rows as usize * down.places * line], line, cost, |first, lines| {
        for (output, i) in lines.chunks_exact_mut(line).zip(first..) {
            let (row, y) = (i / down.places, i % down.places);
            let picture = &input[row * picture..][..picture];
            for (mean, x) in output.chunks_exact_mut(channels).zip(0..) {
                let (rows, columns) = (down.rows(y), across.rows(x));
                let share = T::ONE / T::from_usize(rows.len() * columns.len());
                vectorised(
                    #[inline(always)]
                    || {
                        mean.fill(T::ZERO);
                        for row in rows {
                            for column in columns.clone() {
                                let pixel = (row * across.length + column) * channels;
                                let values = &picture[pixel..][..channels];
                                mean.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value);
                            }
                        }
                        mean.iter_mut().for_each(|sum| *sum *= share);
                    },
                );
            }
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, sizes: Sizes) -> Dispatch {
    let ([y, x], channels, rows) = axes_of_case(c, sizes);
    let (read, written) =
        (rows * y.length * x.length * channels, rows * y.places * x.places * channels);
    c.moves(read + written);
    let bindings = Bindings { input: c.random(read, 1.0), output: c.output(written, EXACT) };
    let params = Params {
        rows: rows as u32,
        height: y.length as u32,
        width: x.length as u32,
        channels: channels as u32,
        out_height: y.places as u32,
        out_width: x.places as u32,
        pool_height: y.size as u32,
        pool_width: x.size as u32,
        stride_height: y.stride as u32,
        stride_width: x.stride as u32,
        before_height: y.before as u32,
        before_width: x.before as u32,
    };
    dispatch(params, bindings)
}
