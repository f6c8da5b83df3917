//! Gradient of the largest number of each window: a pixel has that of every window whose largest it was
//! ([`super::max_pool`]). Both are values of the same activation, so that no derivative comes in.

#[cfg(feature = "unstable")]
use super::case::*;
#[cfg(feature = "unstable")]
use super::pooling::axes_of_case;
use super::pooling::{Axis, for_window, pool_kernel};
use super::{Real, for_costly_rows, vectorised};

pool_kernel! {
    name: "max_pool_gradient",
    params: {},
    bindings: {
        /// `[rows, out_height, out_width, channels]`: which number of its window each is
        places: read f32 as Item,
        /// The same shape
        d_output: read f32 as Item,
        /// `[rows, height, width, channels]`
        d_input: write f32 as Item,
    },
    a_row_is: cell,
    source: [wgsl!("shared/pixel.wgsl"), wgsl!("shared/window.wgsl"), wgsl!("max_pool_gradient.wgsl")],
    reference: reference,
    case: case,
}

fn reference<T: Real>(p: &Params, places: &[T], d_output: &[T], d_input: &mut [T]) {
    let (axes, channels) = (p.axes(), p.channels as usize);
    let [down, across] = axes;
    let picture = down.length * across.length * channels;
    let pooled = down.places * across.places * channels;
    let adds = !(down.is_apart() && across.is_apart());
    let is_covered = down.is_covered() && across.is_covered();
    for_costly_rows(
        &mut d_input[..p.rows as usize * picture],
        picture,
        picture,
        |first, pictures| {
            for (d_input, row) in pictures.chunks_exact_mut(picture).zip(first..) {
                if adds || !is_covered {
                    d_input.fill(T::ZERO);
                }
                let [places, d_output] = [places, d_output].map(|of| &of[row * pooled..][..pooled]);
                vectorised(
                    #[inline(always)]
                    || match adds {
                        true => {
                            each_pixel(axes, channels, [places, d_output], d_input, |sum, d| {
                                *sum += d
                            })
                        }
                        false => {
                            each_pixel(axes, channels, [places, d_output], d_input, |sum, d| {
                                *sum = d
                            })
                        }
                    },
                );
            }
        },
    );
}

/// Gives each pixel of a picture `d_input` its part of each window's gradient: that, where the pixel was the largest, or zero.
#[inline(always)]
fn each_pixel<T: Real>(
    axes: [Axis; 2],
    channels: usize,
    [places, d_output]: [&[T]; 2],
    d_input: &mut [T],
    give: impl Fn(&mut T, T),
) {
    for y in 0..axes[0].places {
        for x in 0..axes[1].places {
            let cell = (y * axes[1].places + x) * channels;
            let (place, own) = (&places[cell..][..channels], &d_output[cell..][..channels]);
            for_window(
                &axes,
                [y, x],
                #[inline(always)]
                |k, pixel| {
                    let k = T::from_usize(k);
                    let sums = &mut d_input[pixel * channels..][..channels];
                    for (sum, (&d, &place)) in sums.iter_mut().zip(own.iter().zip(place)) {
                        give(sum, if place == k { d } else { T::ZERO });
                    }
                },
            );
        }
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, sizes: Sizes) -> Dispatch {
    let ([y, x], channels, rows) = axes_of_case(c, sizes);
    let (written, read) =
        (rows * y.length * x.length * channels, rows * y.places * x.places * channels);
    c.moves(written + 2 * read);
    // Of a window at the edge some numbers are padding, which no place names.
    let own = |place: usize, axis: Axis| {
        let seen = axis.rows(place);
        (seen.start + axis.before - place * axis.stride, seen.len())
    };
    let numbers: Vec<u32> = c.draw_words(read, 1 << 20);
    let place = |i: usize| {
        let (column, line) = (i / channels % x.places, i / channels / x.places % y.places);
        let ((top, tall), (left, wide)) = (own(line, y), own(column, x));
        let n = numbers[i] as usize % (tall * wide);
        ((top + n / wide) * x.size + left + n % wide) as f32
    };
    let places = c.reals((0..read).map(place).collect());
    let bindings =
        Bindings { places, d_output: c.random(read, 1.0), d_input: c.output(written, 1e-5) };
    dispatch(Params::new(rows, [y, x], channels), bindings)
}
