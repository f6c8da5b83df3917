//! The mean over all places of a picture or a sequence, by channel, as Keras' `GlobalAveragePooling2D`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::{Real, for_costly_rows, vectorised};

kernel! {
    name: "global_average_pool",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Places: height times width.
        places: u32,
        /// Channels.
        channels: u32,
    },
    bindings: {
        /// `[rows, places, channels]`
        input: read f32 as Item,
        /// `[rows, channels]`
        output: write f32 as Item,
    },
    items: {
        width: |p| p.channels,
        rows: |p| p.rows as usize,
        source: [wgsl!("global_average_pool.wgsl")],
    },
    loop_iterations: |p| 1 + p.places as u64,
    reference: reference,
    case: case,
    benches: [("32 x 28 x 28 x 64", [28, 28, 64, 32])],
}

fn reference<T: Real>(p: &Params, input: &[T], output: &mut [T]) {
    let (rows, places, channels) = (p.rows as usize, p.places as usize, p.channels as usize);
    let width = places * channels;
    for_costly_rows(&mut output[..rows * channels], channels, width, |first, means| {
        for (mean, row) in means.chunks_exact_mut(channels).zip(first..) {
            let places = &input[row * width..][..width];
            let count = T::from_usize(p.places as usize);
            vectorised(
                #[inline(always)]
                || {
                    mean.fill(T::ZERO);
                    for values in places.chunks_exact(channels) {
                        mean.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value);
                    }
                    mean.iter_mut().for_each(|sum| *sum = *sum / count);
                },
            );
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [height, width, channels, rows]: Sizes) -> Dispatch {
    let places = height * width;
    c.moves(rows * places * channels);
    let bindings = Bindings {
        input: c.random(rows * places * channels, 1.0),
        output: c.output(rows * channels, 1e-5),
    };
    let (rows, places, channels) = (rows as u32, places as u32, channels as u32);
    dispatch(Params { rows, places, channels }, bindings)
}
