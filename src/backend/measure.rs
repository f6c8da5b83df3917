//! How fast a device runs a kernel's case, and what it can do at most.

use super::{Device, load, median};
use crate::error::Result;
use crate::kernels::case::Case;
use crate::kernels::{Kernel, accumulate, fill, peak_fma, scale_by, sum_squares};
use crate::program::{Program, RoutineId};

/// Seconds of one run of a case, by the device's clock where it has one: the median of rounds of a
/// tenth of a second.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails.
pub fn measure(case: &Case, device: &Device) -> Result<f64> {
    Ok(median(rounds(case, device, None, 0.1, 5, f64::MAX)?))
}

/// As [`measure`], to see roughly: three rounds of so many seconds, or one run where that takes longer.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails.
pub fn measure_roughly(case: &Case, device: &Device, round: f64) -> Result<f64> {
    Ok(median(rounds(case, device, None, round, 3, round)?))
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
    Ok(median(rounds(case, device, variant, round, 3, round)?))
}

/// Seconds of one run, by so many rounds of `round` seconds; by one run where that takes longer than `enough`.
fn rounds(
    case: &Case,
    device: &Device,
    variant: Option<&str>,
    round: f64,
    count: usize,
    enough: f64,
) -> Result<Vec<f64>> {
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
        return Ok(vec![first]);
    }
    let once = run(1)?;
    if once > enough {
        return Ok(vec![once]);
    }
    let times = ((round / once.max(1e-8)) as usize).clamp(1, 9_000);
    run(times)?;
    (0..count).map(|_| run(times)).collect()
}

/// What a device can do at most, measured: a roofline (Williams et al. 2009) with a roof for each size of what is touched,
/// for a cache gives more than the memory behind it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Ceilings {
    /// Bytes read and written a second, of 64 MiB.
    pub gigabytes_per_second: f64,
    /// Multiply-adds in registers, counted as two operations each.
    pub gigaflops: f64,
    /// The same as the first for smaller sizes, the smallest first; the last is the first's.
    pub levels: Vec<Level>,
}

/// What a device moves at most, of so many bytes.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Level {
    /// Bytes that are touched again and again.
    pub bytes: usize,
    /// Bytes read and written a second.
    pub gigabytes_per_second: f64,
}

/// A kernel's speed beside what the device could reach at most.
#[derive(Clone, Copy, Debug)]
pub struct Speed {
    /// GB/s or GFLOP/s.
    pub rate: f64,
    /// Which of the two.
    pub unit: &'static str,
    /// The most of it that this device can reach in this case.
    pub limit: f64,
}

impl Ceilings {
    /// Sizes of what is touched.
    const BYTES: [usize; 6] = [1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26];

    /// Kernels that only move numbers, and how many arrays they touch: what writes, what reads, and what does both.
    const MOVERS: [(&'static Kernel, usize); 4] = [
        (&fill::KERNEL, 1),
        (&sum_squares::KERNEL, 1),
        (&scale_by::KERNEL, 1),
        (&accumulate::KERNEL, 2),
    ];

    /// Measures a device.
    ///
    /// # Errors
    /// [`crate::Error::Device`] when the device fails.
    pub fn measure(device: &Device) -> Result<Ceilings> {
        Ceilings::of(device, 0.05)
    }

    /// As [`Ceilings::measure`], to see roughly.
    ///
    /// # Errors
    /// As [`Ceilings::measure`]'s.
    pub fn roughly(device: &Device) -> Result<Ceilings> {
        Ceilings::of(device, 0.005)
    }

    /// Measures each by rounds of so many seconds.
    fn of(device: &Device, round: f64) -> Result<Ceilings> {
        let (_, sizes) = peak_fma::KERNEL.benches[0];
        let case = Case::of_bench(&peak_fma::KERNEL, sizes);
        // The fastest of some rounds: a ceiling is not an average.
        let fastest = |case: &Case| -> Result<f64> {
            let rounds = rounds(case, device, None, round, 5, round)?;
            Ok(rounds.into_iter().fold(f64::MAX, f64::min))
        };
        let gigaflops = case.flops / fastest(&case)? / 1e9;
        let mut levels = Vec::new();
        let mut most = 0.0;
        // What a larger size reaches, a smaller can: there launches may cost more than what they move.
        for bytes in Ceilings::BYTES.into_iter().rev() {
            for (kernel, arrays) in Ceilings::MOVERS {
                let case = Case::of_bench(kernel, [bytes / 4096 / arrays, 1024, 0, 0]);
                let seconds = fastest(&case)?;
                most = f64::max(most, 4.0 * case.least_numbers() as f64 / seconds / 1e9);
            }
            levels.push(Level { bytes, gigabytes_per_second: most });
        }
        let gigabytes_per_second = levels[0].gigabytes_per_second;
        levels.reverse();
        Ok(Ceilings { gigabytes_per_second, gigaflops, levels })
    }

    /// The ceilings in words.
    pub fn sentence(&self) -> String {
        let level = |level: &Level| {
            format!("{:.1} GB/s of {} KiB", level.gigabytes_per_second, level.bytes >> 10)
        };
        let levels: Vec<String> = self.levels.iter().map(level).collect();
        format!("multiply-add {:.1} GFLOP/s, memory {}", self.gigaflops, levels.join(", "))
    }

    /// Bytes read and written a second at most, where so many are touched.
    fn gigabytes_per_second_of(&self, bytes: usize) -> f64 {
        let level = self.levels.iter().rev().find(|level| level.bytes <= bytes);
        level.or(self.levels.first()).map_or(f64::INFINITY, |level| level.gigabytes_per_second)
    }

    /// What a case that takes so many seconds reaches, and could at most: in operations where it counts them, though its
    /// bytes may be what limits it.
    pub fn speed(&self, case: &Case, seconds: f64) -> Speed {
        let gigabytes = 4.0 * case.least_numbers() as f64 / 1e9;
        let least = gigabytes / self.gigabytes_per_second_of(case.bytes());
        match case.flops > 0.0 {
            true => {
                let gigaflops = case.flops / 1e9;
                let least = least.max(gigaflops / self.gigaflops);
                Speed { rate: gigaflops / seconds, unit: "GFLOP/s", limit: gigaflops / least }
            }
            false => Speed { rate: gigabytes / seconds, unit: "GB/s", limit: gigabytes / least },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::dense_forward;

    #[test]
    fn a_case_is_limited_by_operations_or_by_the_bytes_of_the_cache_that_it_fits_in() {
        let level = |bytes, gigabytes_per_second| Level { bytes, gigabytes_per_second };
        let ceilings = Ceilings {
            gigabytes_per_second: 10.0,
            gigaflops: 100.0,
            levels: vec![level(1 << 16, 200.0), level(1 << 22, 50.0), level(1 << 26, 10.0)],
        };
        let limit = |kernel, sizes| {
            let speed = ceilings.speed(&Case::of_bench(kernel, sizes), 1.0);
            (speed.unit, (speed.limit * 10.0).round() / 10.0)
        };
        assert_eq!(limit(&scale_by::KERNEL, [4, 1024, 0, 0]), ("GB/s", 200.0));
        assert_eq!(limit(&scale_by::KERNEL, [4096, 1024, 0, 0]), ("GB/s", 50.0));
        assert_eq!(limit(&scale_by::KERNEL, [20_000, 1024, 0, 0]), ("GB/s", 10.0));
        assert_eq!(limit(&dense_forward::KERNEL, [512, 512, 512, 0]), ("GFLOP/s", 100.0));
        // Two operations for each weight that is read.
        let (unit, thin) = limit(&dense_forward::KERNEL, [1, 8192, 8192, 0]);
        assert!(unit == "GFLOP/s" && (4.9..5.1).contains(&thin), "{thin}");
    }
}
