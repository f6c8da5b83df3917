//! Noise on a batch, for models that learn to undo it: gaussian, salt and pepper, or a mask.
//!
//! In training every step draws anew; in an evaluation (`fixed`) a row of the data set has its
//! noise in every epoch. Normal draws come from Wichura's rational approximation of the normal
//! distribution's inverse (PPND7 of AS 241, Applied Statistics 37, 1988; relative error 1e-7), at 31
//! random bits and a sign, so that no trigonometry is needed.

#[cfg(feature = "unstable")]
use super::case::*;
use super::random::for_random_blocks;
use super::state::{BASE, BATCH_STEP, CURSOR};
use super::{Real, for_rows, spread, vectorised};

/// Adds `amount` times a normal draw.
pub const GAUSSIAN: u32 = 0;
/// Sets elements to `low` or `high`.
pub const SALT_PEPPER: u32 = 1;
/// Sets elements to 0.
pub const MASK: u32 = 2;

kernel! {
    name: "noise",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Elements of a row.
        width: u32,
        /// Number of the first element in the step's batch, where that is taken in parts.
        first: u32,
        /// [`GAUSSIAN`], [`SALT_PEPPER`] or [`MASK`].
        kind: u32,
        /// 1: a row's noise depends on its number in the data set alone, not on the step.
        fixed: u32,
        /// An element is set when its random bits are below this, [`super::random::drop_threshold`].
        threshold: u32,
        /// Standard deviation of gaussian noise.
        amount: f32,
        /// Least value that noise makes.
        low: f32,
        /// Largest value that noise makes.
        high: f32,
        /// The run's seed.
        seed: u32,
        /// The stream of random bits.
        stream: u32,
    },
    bindings: {
        /// The counters.
        state: read u32,
        /// Row numbers in the order in which they are taken.
        order: read u32,
        /// `[rows, width]`
        input: read f32,
        /// `[rows, width]`
        output: write f32,
    },
    source: &[
        wgsl!("shared/index.wgsl"), wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"),
        wgsl!("shared/random.wgsl"), wgsl!("noise.wgsl"),
    ],
    workgroups: |p| spread(p.rows as usize * p.width as usize),
    reference: reference,
    case: case,
    benches: [("256 x 784, gaussian", [256, 784, 3, 0])],
}

fn reference<T: Real>(p: &Params, state: &[u32], order: &[u32], input: &[T], output: &mut [T]) {
    let width = p.width as usize;
    let rows = &order[state[CURSOR] as usize..];
    for_rows(&mut output[..p.rows as usize * width], width, |first, outputs| {
        for (i, output) in outputs.chunks_exact_mut(width).enumerate() {
            let row = first + i;
            let (step, start) = match p.fixed {
                1 => (rows[row] + state[BASE], 0),
                _ => (state[BATCH_STEP], p.first + (row * width) as u32),
            };
            add(p, step, start, &input[row * width..][..width], output);
        }
    });
}

/// Noise on the elements of one row: `step` and `start` are the counters of its first element.
pub fn add<T: Real>(p: &Params, step: u32, start: u32, input: &[T], output: &mut [T]) {
    let (low, high, amount) = (T::from_f32(p.low), T::from_f32(p.high), T::from_f32(p.amount));
    vectorised(
        #[inline(always)]
        || {
            for_random_blocks(
                [p.seed, p.stream, step],
                start,
                output,
                #[inline(always)]
                |at, bits, output| {
                    let elements = output.iter_mut().zip(&input[at..]).zip(bits);
                    match p.kind {
                        GAUSSIAN => {
                            for ((output, &x), &bits) in elements {
                                let y = (x + amount * normal::<T>(bits)).max(low);
                                *output = if y > high { high } else { y };
                            }
                        }
                        SALT_PEPPER | MASK => {
                            for ((output, &x), &bits) in elements {
                                let end = if bits & 1 == 0 { low } else { high };
                                let hit = if p.kind == MASK { T::ZERO } else { end };
                                *output = if bits < p.threshold { hit } else { x };
                            }
                        }
                        _ => elements.for_each(|((output, &x), _)| *output = x),
                    }
                },
            );
        },
    );
}

/// A draw from N(0, 1). (Both branches are computed, and one is chosen: so that a loop of draws vectorises.)
#[inline(always)]
fn normal<T: Real>(bits: u32) -> T {
    let c = T::from_f32;
    let p = (c((bits >> 1) as f32) + c(0.5)) * c(2.328_306_4e-10);
    let polynomial = |x: T, coefficients: &[f32]| {
        coefficients.iter().fold(T::ZERO, |sum, &coefficient| sum * x + c(coefficient))
    };
    let q = c(0.5) - p;
    let r = c(0.180_625) - q * q;
    let middle = q * polynomial(r, &[59.109_375, 159.291_13, 50.434_273, 3.387_132_7])
        / polynomial(r, &[67.187_56, 78.757_76, 17.895_17, 1.0]);
    let r = (-p.ln()).sqrt() - c(1.6);
    let tail = polynomial(r, &[0.170_238_21, 1.306_728_5, 2.756_815_4, 1.423_437_3])
        / polynomial(r, &[0.120_211_33, 0.737_001_66, 1.0]);
    let z = if q <= c(0.425) { middle } else { tail };
    if bits & 1 == 1 { -z } else { z }
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, width, amount, code]: Sizes) -> Dispatch {
    c.moves(2 * rows * width);
    let share = (amount % 10) as f64 / 10.0;
    let all = rows + code;
    let bindings = Bindings {
        state: c.state(code as u32, 0),
        order: c.order(all),
        input: c.random(rows * width, 1.0),
        output: c.output(rows * width, EXACT),
    };
    let params = Params {
        rows: rows as u32,
        width: width as u32,
        first: 5 * code as u32,
        kind: (code % 3) as u32,
        fixed: (code / 3 % 2) as u32,
        threshold: super::random::drop_threshold(share),
        amount: share as f32,
        low: -0.75,
        high: 1.0,
        seed: c.rng.random(),
        stream: 3,
    };
    dispatch(params, bindings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_normal() {
        let n = 400_000u32;
        let draws: Vec<f64> = (0..n)
            .map(|i| normal::<f64>(crate::kernels::random::random_bits(7, 1, 2, i)))
            .collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|z| z * z).sum::<f64>() / n as f64;
        let within =
            |limit: f64| draws.iter().filter(|z| z.abs() < limit).count() as f64 / n as f64;
        assert!(mean.abs() < 0.005 && (variance - 1.0).abs() < 0.01, "{mean} {variance}");
        assert!((within(1.0) - 0.6827).abs() < 0.003 && (within(2.5) - 0.98758).abs() < 0.001);
        assert!(draws.iter().all(|z| z.is_finite()));
    }
}
