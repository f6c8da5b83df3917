//! The device's multiply-add ceiling, for benches: independent multiply-adds in registers.

#[cfg(feature = "unstable")]
use super::case::*;
use super::simd::{Form, form};
use super::{Real, for_rows, spread};

/// Times that an iteration goes through an invocation's lanes; `ROUNDS` of the shader.
const ROUNDS: usize = 8;

/// Multiply-adds of one invocation and iteration.
pub const LANES: usize = 16 * ROUNDS;

kernel! {
    name: "peak_fma",
    params: {
        /// Invocations.
        count: u32,
        /// Rounds of [`LANES`] multiply-adds.
        iterations: u32,
    },
    bindings: {
        /// `[count]`: the sum of an invocation's lanes
        output: write f32,
    },
    source: &[wgsl!("shared/index.wgsl"), wgsl!("peak_fma.wgsl")],
    workgroups: |p| spread(p.count as usize),
    reference: reference,
    case: case,
    benches: [("65536 x 256", [256, 256, 256, 1])],
}

fn reference<T: Real>(p: &Params, output: &mut [T]) {
    // Vector registers that are neither filled nor too few: two units of four steps each want eight multiply-adds
    // under way, and what does not stay in registers is limited by loads.
    match form() {
        Form::Avx512 => chains::<T, 12>(p, output),
        Form::Avx2 => chains::<T, 6>(p, output),
        Form::Neon => chains::<T, 6>(p, output),
        Form::Baseline => chains::<T, 3>(p, output),
    }
}

/// As the reference, `BLOCK` invocations at once: `16 * BLOCK` numbers in registers.
fn chains<T: Real, const BLOCK: usize>(p: &Params, output: &mut [T]) {
    let (half, quarter) = (T::from_f32(0.5), T::from_f32(0.25));
    for_rows(&mut output[..p.count as usize], 1, |first, outputs| {
        super::vectorised(
            #[inline(always)]
            || {
                for (block, outputs) in outputs.chunks_mut(BLOCK).enumerate() {
                    let mut lanes = [[T::ZERO; 16]; BLOCK];
                    for (i, lanes) in lanes.iter_mut().enumerate() {
                        let start = (first + block * BLOCK + i) % 256;
                        let start = T::from_usize(start) / T::from_f32(256.0);
                        for (lane, value) in lanes.iter_mut().enumerate() {
                            *value = start + T::from_usize(lane / 4) * quarter;
                        }
                    }
                    for _ in 0..p.iterations * ROUNDS as u32 {
                        for value in lanes.as_flattened_mut() {
                            *value = value.mul_add(half, quarter);
                        }
                    }
                    for (output, lanes) in outputs.iter_mut().zip(&lanes) {
                        *output = lanes.iter().copied().sum();
                    }
                }
            },
        );
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [a, b, iterations, _]: Sizes) -> Dispatch {
    c.computes(a * b * iterations * LANES * 2);
    let output = c.output(a * b, EXACT);
    let params = Params { count: (a * b) as u32, iterations: iterations as u32 };
    dispatch(params, Bindings { output })
}
