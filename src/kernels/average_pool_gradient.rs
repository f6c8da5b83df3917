//! Gradient of the mean of each window ([`super::average_pool`]): a pixel has its share of every window that sees it,
//! times the derivative of the activation that it is a value of.

#[cfg(feature = "unstable")]
use super::case::*;
#[cfg(feature = "unstable")]
use super::pooling::axes_of_case;
use super::pooling::pool_kernel;
use super::{Activation, Real, for_costly_rows, vectorised};

pool_kernel! {
    name: "average_pool_gradient",
    params: {
        /// [`Activation::code`] of the layer that produced `input`.
        activation: u32,
    },
    bindings: {
        /// `[rows, height, width, channels]`
        input: read f32 as Item,
        /// `[rows, out_height, out_width, channels]`
        d_output: read f32 as Item,
        /// `[rows, height, width, channels]`
        d_input: write f32 as Item,
    },
    a_row_is: pixel,
    scalar: wgsl!("shared/derivative_f32.wgsl"), vec4: wgsl!("shared/derivative_vec4.wgsl"),
    source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/pixel.wgsl"), wgsl!("shared/window.wgsl"), wgsl!("average_pool_gradient.wgsl")],
    reference: reference,
    case: case,
}

fn reference<T: Real>(p: &Params, input: &[T], d_output: &[T], d_input: &mut [T]) {
    let ([down, across], channels) = (p.axes(), p.channels as usize);
    let activation = Activation::from_code(p.activation);
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
                for (y, x) in (0..down.places).flat_map(|y| (0..across.places).map(move |x| (y, x)))
                {
                    let cell = row * pooled + (y * across.places + x) * channels;
                    let d_mean = &d_output[cell..][..channels];
                    let (rows, columns) = (down.rows(y), across.rows(x));
                    let share = T::ONE / T::from_usize(rows.len() * columns.len());
                    for row in rows {
                        for column in columns.clone() {
                            let pixel = (row * across.length + column) * channels;
                            let sums = d_input[pixel..][..channels].iter_mut().zip(d_mean);
                            vectorised(
                                #[inline(always)]
                                || match adds {
                                    true => sums.for_each(|(sum, &d)| *sum += d * share),
                                    false => sums.for_each(|(sum, &d)| *sum = d * share),
                                },
                            );
                        }
                    }
                }
                activation.scale_by_derivative(d_input, &input[row * picture..][..picture]);
            }
        },
    );
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, sizes: Sizes) -> Dispatch {
    let ([y, x], channels, rows) = axes_of_case(c, sizes);
    let (written, read) =
        (rows * y.length * x.length * channels, rows * y.places * x.places * channels);
    c.moves(2 * written + read);
    let bindings = Bindings {
        input: c.random(written, 1.0),
        d_output: c.random(read, 1.0),
        d_input: c.output(written, 1e-5),
    };
    let activation = if c.is_bench() { 1 } else { Activation::ALL[(channels + rows) % 5].code() };
    dispatch(Params::new(rows, [y, x], channels, activation), bindings)
}
