//! The largest number of each window of a picture, by channel, as Keras' `MaxPooling2D`; of equal ones the first, row by
//! row. Padding is never the largest.

#[cfg(feature = "unstable")]
use super::case::*;
#[cfg(feature = "unstable")]
use super::pooling::axes_of_case;
use super::pooling::{for_window, pool_kernel};
use super::{Real, for_costly_pairs, for_costly_rows, vectorised};

pool_kernel! {
    name: "max_pool",
    params: {
        /// 1 to write `places`.
        keeps: u32,
    },
    bindings: {
        /// `[rows, height, width, channels]`
        input: read f32 as Item,
        /// `[rows, out_height, out_width, channels]`
        output: write f32 as Item,
        /// The same shape: which number of its window it is, from 0 row by row; where `keeps`
        places: write f32 as Item,
    },
    a_row_is: place,
    source: [wgsl!("shared/pixel.wgsl"), wgsl!("shared/window.wgsl"), wgsl!("max_pool.wgsl")],
    reference: reference,
    case: case,
}

fn reference<T: Real>(p: &Params, input: &[T], output: &mut [T], places: &mut [T]) {
    let (axes, channels) = (p.axes(), p.channels as usize);
    let line = axes[1].places * channels;
    let count = p.rows as usize * axes[0].places * line;
    let cost = line * (1 + axes[0].size * axes[1].size / 2);
    // A line of a picture's output: the columns of each window, by the place.
    let at = |line: usize| {
        let (row, y) = (line / axes[0].places, line % axes[0].places);
        let size = axes[0].length * axes[1].length * channels;
        (&input[row * size..][..size], y)
    };
    if p.keeps == 0 {
        return for_costly_rows(&mut output[..count], line, cost, |first, output| {
            for (output, i) in output.chunks_exact_mut(line).zip(first..) {
                let (picture, y) = at(i);
                vectorised(
                    #[inline(always)]
                    || {
                        for (best, x) in output.chunks_exact_mut(channels).zip(0..) {
                            let mut is_first = true;
                            for_window(
                                &axes,
                                [y, x],
                                #[inline(always)]
                                |_, pixel| {
                                    let values = &picture[pixel * channels..][..channels];
                                    match std::mem::take(&mut is_first) {
                                        true => best.copy_from_slice(values),
                                        false => {
                                            for (best, &value) in best.iter_mut().zip(values) {
                                                *best = if value > *best { value } else { *best };
                                            }
                                        }
                                    }
                                },
                            );
                        }
                    },
                );
            }
        });
    }
    let (output, places) = (&mut output[..count], &mut places[..count]);
    for_costly_pairs(output, places, line, cost, |first, output, places| {
        let lines = output.chunks_exact_mut(line).zip(places.chunks_exact_mut(line));
        for ((output, places), i) in lines.zip(first..) {
            let (picture, y) = at(i);
            vectorised(
                #[inline(always)]
                || {
                    let cells = places.chunks_exact_mut(channels);
                    let cells = output.chunks_exact_mut(channels).zip(cells);
                    for ((best, place), x) in cells.zip(0..) {
                        let mut is_first = true;
                        for_window(
                            &axes,
                            [y, x],
                            #[inline(always)]
                            |k, pixel| {
                                let values = &picture[pixel * channels..][..channels];
                                let k = T::from_usize(k);
                                if std::mem::take(&mut is_first) {
                                    best.copy_from_slice(values);
                                    place.fill(k);
                                    return;
                                }
                                let pairs = best.iter_mut().zip(place.iter_mut());
                                for ((best, place), &value) in pairs.zip(values) {
                                    let is_larger = value > *best;
                                    *place = if is_larger { k } else { *place };
                                    *best = if is_larger { value } else { *best };
                                }
                            },
                        );
                    }
                },
            );
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, sizes: Sizes) -> Dispatch {
    let ([y, x], channels, rows) = axes_of_case(c, sizes);
    let (read, written) =
        (rows * y.length * x.length * channels, rows * y.places * x.places * channels);
    c.moves(read + 2 * written);
    // Whole numbers, so that some are equal.
    let input = c.draw(read, |rng, _| rng.random_range(-9..9i32) as f32);
    let bindings =
        Bindings { input, output: c.output(written, 0.0), places: c.output(written, 0.0) };
    dispatch(Params::new(rows, [y, x], channels, 1), bindings)
}
