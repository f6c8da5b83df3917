//! The mean of each window of a picture, by channel, as Keras' `AveragePooling2D`: of the pixels that lie in the picture;
//! padding is not counted.

#[cfg(feature = "unstable")]
use super::case::*;
#[cfg(feature = "unstable")]
use super::pooling::axes_of_case;
use super::pooling::pool_kernel;
use super::{Real, for_costly_rows, vectorised};

pool_kernel! {
    name: "average_pool",
    params: {},
    bindings: {
        /// `[rows, height, width, channels]`
        input: read f32 as Item,
        /// `[rows, out_height, out_width, channels]`
        output: write f32 as Item,
    },
    a_row_is: place,
    source: [wgsl!("shared/pixel.wgsl"), wgsl!("shared/window.wgsl"), wgsl!("average_pool.wgsl")],
    reference: reference,
    case: case,
}

fn reference<T: Real>(p: &Params, input: &[T], output: &mut [T]) {
    let ([down, across], channels) = (p.axes(), p.channels as usize);
    let line = across.places * channels;
    let picture = down.length * across.length * channels;
    let cost = line * (1 + down.size * across.size / 2);
    for_costly_rows(
        &mut output[..p.rows as usize * down.places * line],
        line,
        cost,
        |first, lines| {
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
                                    mean.iter_mut()
                                        .zip(values)
                                        .for_each(|(sum, &value)| *sum += value);
                                }
                            }
                            mean.iter_mut().for_each(|sum| *sum *= share);
                        },
                    );
                }
            }
        },
    );
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, sizes: Sizes) -> Dispatch {
    let ([y, x], channels, rows) = axes_of_case(c, sizes);
    let (read, written) =
        (rows * y.length * x.length * channels, rows * y.places * x.places * channels);
    c.moves(read + written);
    let bindings = Bindings { input: c.random(read, 1.0), output: c.output(written, EXACT) };
    dispatch(Params::new(rows, [y, x], channels), bindings)
}
