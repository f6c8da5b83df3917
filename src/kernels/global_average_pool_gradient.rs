//! Gradient of the mean over all places: each has the same share, times the derivative of the activation that it is a
//! value of.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Activation, Real, for_rows, vectorised};

kernel! {
    name: "global_average_pool_gradient",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Places: height times width.
        places: u32,
        /// Channels.
        channels: u32,
        /// [`Activation::code`] of the layer that produced `input`.
        activation: u32,
    },
    bindings: {
        /// `[rows, places, channels]`
        input: read f32 as Item,
        /// `[rows, channels]`
        d_output: read f32 as Item,
        /// `[rows, places, channels]`
        d_input: write f32 as Item,
    },
    items: {
        width: |p| p.channels,
        rows: |p| p.rows as usize * p.places as usize,
        scalar: wgsl!("shared/derivative_f32.wgsl"), vec4: wgsl!("shared/derivative_vec4.wgsl"),
        source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("global_average_pool_gradient.wgsl")],
    },
    reference: reference,
    case: case,
    benches: [("32 x 28 x 28 x 64", [28, 28, 64, 32])],
}

fn reference<T: Real>(p: &Params, input: &[T], d_output: &[T], d_input: &mut [T]) {
    let (rows, places, channels) = (p.rows as usize, p.places as usize, p.channels as usize);
    let activation = Activation::from_code(p.activation);
    let share = T::ONE / T::from_usize(places);
    let width = places * channels;
    for_rows(&mut d_input[..rows * width], width, |first, pictures| {
        for (d_input, row) in pictures.chunks_exact_mut(width).zip(first..) {
            let d_mean = &d_output[row * channels..][..channels];
            vectorised(
                #[inline(always)]
                || {
                    for d_values in d_input.chunks_exact_mut(channels) {
                        d_values.iter_mut().zip(d_mean).for_each(|(to, &d)| *to = d * share);
                    }
                },
            );
            activation.scale_by_derivative(d_input, &input[row * width..][..width]);
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [height, width, channels, rows]: Sizes) -> Dispatch {
    let places = height * width;
    c.moves(2 * rows * places * channels);
    let bindings = Bindings {
        input: c.random(rows * places * channels, 1.0),
        d_output: c.random(rows * channels, 1.0),
        d_input: c.output(rows * places * channels, EXACT),
    };
    let activation = if c.is_bench() { 1 } else { Activation::ALL[rows % 5].code() };
    let (rows, places, channels) = (rows as u32, places as u32, channels as u32);
    dispatch(Params { rows, places, channels, activation }, bindings)
}
