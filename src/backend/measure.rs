//! How fast a device runs a kernel's case, and what it can do at most.

use std::time::Instant;

use super::{Device, load};
use crate::error::Result;
use crate::kernels::case::Case;
use crate::kernels::{Element, peak_fma};
use crate::program::{Program, RoutineId};

/// Seconds of one run of a case, by the device's clock where it has one: the median of rounds of a
/// tenth of a second.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails.
pub fn measure(case: &Case, device: &Device) -> Result<f64> {
    rounds(case, device, None, 0.1, 5, f64::MAX)
}

/// As [`measure`], to see roughly: three rounds of so many seconds, or one run where that takes longer.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails.
pub fn measure_roughly(case: &Case, device: &Device, round: f64) -> Result<f64> {
    rounds(case, device, None, round, 3, round)
}

/// As [`measure_roughly`], by the variant of this name where one is given.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails, or has no such variant for the case.
pub fn measure_variant(
    case: &Case,
    device: &Device,
    variant: Option<&str>,
    round: f64,
) -> Result<f64> {
    rounds(case, device, variant, round, 3, round)
}

/// The median of so many rounds of `round` seconds; one run where that takes longer than `enough`.
fn rounds(
    case: &Case,
    device: &Device,
    variant: Option<&str>,
    round: f64,
    count: usize,
    enough: f64,
) -> Result<f64> {
    let program = Program::of_case(case)?;
    device.check_memory(program.bytes())?;
    let mut executor = match variant {
        Some(variant) => device.prepare_variant(&program, variant)?,
        None => device.prepare(&program)?,
    };
    load(case, executor.as_mut())?;
    let mut run =
        |times: usize| -> Result<f64> { Ok(executor.time(RoutineId(0), times)? / times as f64) };
    let first = run(1)?;
    if first > 10.0 * enough {
        return Ok(first);
    }
    let once = run(1)?;
    if once > enough {
        return Ok(once);
    }
    let times = ((round / once.max(1e-8)) as usize).clamp(1, 9_000);
    run(times)?;
    let mut rounds = (0..count).map(|_| run(times)).collect::<Result<Vec<f64>>>()?;
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[count / 2])
}

/// What a device can do at most, measured.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Ceilings {
    /// Bytes read and written by a large copy, a second.
    pub gigabytes_per_second: f64,
    /// Multiply-adds in registers, counted as two operations each.
    pub gigaflops: f64,
}

impl Ceilings {
    /// Measures a device: a copy of 64 MiB between buffers, and the kernel `peak_fma`.
    ///
    /// # Errors
    /// [`crate::Error::Device`] when the device fails.
    pub fn measure(device: &Device) -> Result<Ceilings> {
        Ceilings::of(device, 4, measure)
    }

    /// As [`Ceilings::measure`], to see roughly.
    ///
    /// # Errors
    /// As [`Ceilings::measure`]'s.
    pub fn roughly(device: &Device) -> Result<Ceilings> {
        Ceilings::of(device, 1, |case, device| measure_roughly(case, device, 0.05))
    }

    fn of(
        device: &Device,
        times: usize,
        measure: impl Fn(&Case, &Device) -> Result<f64>,
    ) -> Result<Ceilings> {
        let len = 16 << 20;
        let mut program = Program::default();
        let from = program.buffer("from", Element::F32, len);
        let to = program.buffer("to", Element::F32, len);
        let mut executor = device.prepare(&program)?;
        let mut copies = |times: usize| -> Result<f64> {
            let started = Instant::now();
            for _ in 0..times {
                executor.copy(from, to)?;
            }
            executor.read_f32(to.part(0, 1))?;
            Ok(started.elapsed().as_secs_f64() / times as f64)
        };
        copies(times)?;
        let best = (0..5).map(|_| copies(times)).collect::<Result<Vec<f64>>>()?;
        let seconds = best.into_iter().fold(f64::MAX, f64::min);
        let (_, sizes) = peak_fma::KERNEL.benches[0];
        let case = Case::of_bench(&peak_fma::KERNEL, sizes);
        Ok(Ceilings {
            gigabytes_per_second: (len * 8) as f64 / seconds / 1e9,
            gigaflops: case.flops / measure(&case, device)? / 1e9,
        })
    }
}
