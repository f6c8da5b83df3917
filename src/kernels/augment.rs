//! Pictures moved at random in training, so that a model learns what does not depend on where and how they lie
//! (Simard, Steinkraus and Platt 2003): mirrored, cut to a window that is enlarged, turned, shifted.
//!
//! Each picture of a batch has a transform of its own, drawn anew for every step from counters alone: a resumed run
//! draws what an unbroken one does. The transform takes an output pixel back to a place of the input, where the four
//! nearest pixels are weighed; beyond the edge its pixels go on.

#[cfg(feature = "unstable")]
use super::case::*;
use super::random::random_bits;
use super::state::BATCH_STEP;
use super::{Real, for_rows, spread};

/// Mirrors half of the pictures, left to right.
pub const FLIP: u32 = 1;
/// Mirrors half of the pictures, top to bottom.
pub const FLIP_VERTICAL: u32 = 2;

kernel! {
    name: "augment",
    params: {
        /// Pictures of the batch.
        rows: u32,
        /// Number of the first of them in the step's batch, where that is taken in parts.
        first: u32,
        /// Rows of pixels.
        height: u32,
        /// Columns of pixels.
        width: u32,
        /// Values of a pixel.
        channels: u32,
        /// [`FLIP`] + [`FLIP_VERTICAL`], or 0.
        flips: u32,
        /// Pixels that a picture is shifted by at most, each way.
        shift: u32,
        /// Radians that it is turned by at most, each way; at most pi.
        rotate: f32,
        /// The least part of a side that a window has; 1 for none.
        crop: f32,
        /// The run's seed.
        seed: u32,
        /// The stream of random bits.
        stream: u32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// `[rows, height, width, channels]`
        input: read f32,
        /// `[rows, height, width, channels]`
        output: write f32,
    },
    source: &[
        wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/random.wgsl"),
        wgsl!("augment.wgsl"),
    ],
    workgroups: |p| {
        spread(p.rows as usize * p.height as usize * p.width as usize * p.channels as usize)
    },
    reference: reference,
    case: case,
    benches: [("128 x 28 x 28", [128, 28, 28, 1])],
}

fn reference<T: Real>(p: &Params, state: &[u32], input: &[T], output: &mut [T]) {
    let size = p.height as usize * p.width as usize * p.channels as usize;
    let all = p.rows as usize * size;
    for_rows(&mut output[..all], size, |first, pictures: &mut [T]| {
        for (i, picture) in pictures.chunks_exact_mut(size).enumerate() {
            let row = first + i;
            let input = &input[row * size..][..size];
            Transform::draw(p, state[BATCH_STEP], p.first + row as u32).apply(p, input, picture);
        }
    });
}

/// What is drawn for a picture.
struct Transform<T> {
    flips: [bool; 2],
    part: T,
    aside: [T; 2],
    sine: T,
    cosine: T,
    shift: [T; 2],
}

impl<T: Real> Transform<T> {
    fn draw(p: &Params, step: u32, row: u32) -> Self {
        let c = T::from_f32;
        let bits = |draw: u32| {
            let element = row.wrapping_mul(8).wrapping_add(draw);
            random_bits(p.seed, p.stream, step, element) >> 8
        };
        let uniform = |draw: u32| c(bits(draw) as f32) * c(5.960_464_5e-8);
        let whole = |draw: u32| {
            let most = p.shift;
            c((bits(draw) % (2 * most + 1)) as f32) - c(most as f32)
        };
        let half = c(0.5);
        let flips = |bit: u32, draw: u32| p.flips & bit == bit && uniform(draw) < half;
        let crop = c(p.crop);
        let one = c(1.0);
        let signed = |draw: u32| c(2.0) * uniform(draw) - one;
        let q = c(0.25) * c(p.rotate) * signed(5);
        let r = q * q;
        let mut sine =
            q * (one + r * (c(-0.166_666_67) + r * (c(0.008_333_334) - r * c(1.984_127e-4))));
        let mut cosine = one
            + r * (c(-0.5)
                + r * (c(0.041_666_668) + r * (c(-0.001_388_888_9) + r * c(2.480_158_8e-5))));
        for _ in 0..2 {
            (sine, cosine) = (c(2.0) * sine * cosine, one - c(2.0) * sine * sine);
        }
        Transform {
            flips: [flips(FLIP, 0), flips(FLIP_VERTICAL, 1)],
            part: crop + (one - crop) * uniform(2),
            aside: [signed(3), signed(4)],
            sine,
            cosine,
            shift: [whole(6), whole(7)],
        }
    }

    fn apply(&self, p: &Params, input: &[T], output: &mut [T]) {
        let c = T::from_f32;
        let (height, width, channels) = (p.height as usize, p.width as usize, p.channels as usize);
        let middle = [width, height].map(|side| c(0.5) * c((side - 1) as f32));
        let last = [width, height].map(|side| c((side - 1) as f32));
        let one = c(1.0);
        for (at, pixel) in output.chunks_exact_mut(channels).enumerate() {
            let mut place =
                [c((at % width) as f32) - middle[0], c((at / width) as f32) - middle[1]];
            for axis in 0..2 {
                if self.flips[axis] {
                    place[axis] = -place[axis];
                }
                place[axis] =
                    self.part * place[axis] + (one - self.part) * self.aside[axis] * middle[axis];
            }
            let [x, y] = place;
            place = [self.cosine * x - self.sine * y, self.sine * x + self.cosine * y];
            let (mut low, mut high, mut between) = ([0; 2], [0; 2], [T::ZERO; 2]);
            for axis in 0..2 {
                let moved = (place[axis] + (middle[axis] + self.shift[axis])).max(T::ZERO);
                let moved = if moved > last[axis] { last[axis] } else { moved };
                let corner = moved.to_f32().floor();
                low[axis] = corner as usize;
                high[axis] = (low[axis] + 1).min([width, height][axis] - 1);
                between[axis] = moved - c(corner);
            }
            for (channel, value) in pixel.iter_mut().enumerate() {
                let read = |x: usize, y: usize| input[(y * width + x) * channels + channel];
                let above = read(low[0], low[1]);
                let above = above + between[0] * (read(high[0], low[1]) - above);
                let below = read(low[0], high[1]);
                let below = below + between[0] * (read(high[0], high[1]) - below);
                *value = above + between[1] * (below - above);
            }
        }
    }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, height, width, code]: Sizes) -> Dispatch {
    let channels = if code % 2 == 0 { 3 } else { 1 };
    let count = rows * height * width * channels;
    c.moves(2 * count);
    // Places are as exact as numbers of the size of a side are.
    let tolerance = 1e-6 * (4.0 + height.max(width) as f64);
    let bindings = Bindings {
        state: c.state(0, 0),
        input: c.random(count, 1.0),
        output: c.output(count, tolerance),
    };
    let params = Params {
        rows: rows as u32,
        first: 3 * code as u32,
        height: height as u32,
        width: width as u32,
        channels: channels as u32,
        flips: (code % 4) as u32,
        shift: (code / 2 % 3) as u32,
        rotate: [0.0, 0.3, 3.1][code % 3],
        crop: [1.0, 0.6][code / 4 % 2],
        seed: c.rng.random(),
        stream: 3,
    };
    dispatch(params, bindings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(p: Params, input: &[f64]) -> Vec<f64> {
        let mut output = vec![0.0; input.len()];
        reference(&p, &[0, 1, 0, 5, 0, 0, 0, 0], input, &mut output);
        output
    }

    const PLAIN: Params = Params {
        rows: 1,
        first: 0,
        height: 3,
        width: 4,
        channels: 1,
        flips: 0,
        shift: 0,
        rotate: 0.0,
        crop: 1.0,
        seed: 1,
        stream: 9,
    };

    #[test]
    fn pictures_are_mirrored_shifted_and_turned() {
        let input: Vec<f64> = (0..12).map(f64::from).collect();
        assert_eq!(moved(PLAIN, &input), input);
        let mirrored = [3.0, 2.0, 1.0, 0.0, 7.0, 6.0, 5.0, 4.0, 11.0, 10.0, 9.0, 8.0];
        let found: Vec<Vec<f64>> =
            (0..40).map(|seed| moved(Params { flips: FLIP, seed, ..PLAIN }, &input)).collect();
        let times = found.iter().filter(|found| found[..] == mirrored).count();
        assert!((8..32).contains(&times), "{times} of 40 are mirrored");
        assert!(found.iter().all(|found| found[..] == mirrored || *found == input));
        // Shifted by at most a pixel: what is in the middle is one of its neighbours.
        for seed in 0..40 {
            let found = moved(Params { shift: 1, seed, ..PLAIN }, &input);
            assert!(
                [0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0].contains(&found[5]),
                "{found:?}"
            );
        }
        // A turn keeps the middle, a window stays within.
        let square: Vec<f64> = (0..9).map(f64::from).collect();
        for seed in 0..40 {
            let p = Params { width: 3, rotate: 3.1, seed, ..PLAIN };
            assert!((moved(p, &square)[4] - 4.0).abs() < 1e-12);
            let p = Params { width: 3, crop: 0.5, seed, ..PLAIN };
            let found = moved(p, &square);
            assert!(found.windows(2).all(|pair| pair[0] <= pair[1] + 2.0) && found[0] >= 0.0);
            assert!(found[8] <= 8.0 && found[8] - found[0] >= 4.0 - 1e-9, "{found:?}");
        }
    }
}
