//! Gradient of the mean of each window ([`super::average_pool`]): a pixel has its share of every window that sees it,
//! times the derivative of the activation that it is a value of.

#[cfg(feature = "unstable")]
use super::case::*;
#[cfg(feature = "unstable")]
use super::pooling::axes_of_case;
use super::pooling::Axis;
use super::{Activation, Real, for_costly_rows, vectorised};

kernel! {
    name: "average_pool_gradient",
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
    items: {
        width: |p| p.channels,
        rows: |p| p.rows as usize * p.height as usize * p.width as usize,
        scalar: wgsl!("shared/derivative_f32.wgsl"), vec4: wgsl!("shared/derivative_vec4.wgsl"),
        source: [wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/window.wgsl"), wgsl!("average_pool_gradient.wgsl")],
    },
    loop_iterations: |p| {
        let places = |pool: u32, stride: u32| 1 + pool.div_ceil(stride) as u64;
        1 + places(p.pool_height, p.stride_height) * (1 + places(p.pool_width, p.stride_width))
    },
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

fn reference<T: Real>(p: &Params, input: &[T], d_output: &[T], d_input: &mut [T]) {
    let ([down, across], channels) = (p.axes(), p.channels as usize);
    let activation = Activation::from_code(p.activation);
    let picture = down.length * across.length * channels;
    let pooled = down.places * across.places * channels;
    let adds = !(down.is_apart() && across.is_apart());
    let is_covered = down.is_covered() && across.is_covered();
    for_costly_rows(&mut d_input[..p.rows as usize * picture], picture, picture, |first, pictures| {
        for (d_input, row) in pictures.chunks_exact_mut(picture).zip(first..) {
            if adds || !is_covered {
                d_input.fill(T::ZERO);
            }
            for (y, x) in (0..down.places).flat_map(|y| (0..across.places).map(move |x| (y, x))) {
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
    });
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
    let activation =
        if c.is_bench() { 1 } else { Activation::ALL[(channels + rows) % 5].code() };
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
        activation,
    };
    dispatch(params, bindings)
}
