//! Every kernel by itself: time, rate, the device's measured limit, and the ratio.

use std::time::Instant;

use crate::backend::{Device, load};
use crate::error::Result;
use crate::kernels::case::{Case, Sizes};
use crate::kernels::{ALL, Element, Kernel, peak_fma};
use crate::program::{Program, RoutineId};

/// What a device can do at most, measured.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes read and written by a large copy, a second.
    pub gigabytes_per_second: f64,
    /// Multiply-adds in registers, counted as two operations each.
    pub gigaflops: f64,
}

/// One line of results.
#[derive(Clone, Debug)]
pub struct KernelLine {
    kernel: &'static str,
    size: &'static str,
    seconds: f64,
    /// GB/s or GFLOP/s.
    rate: f64,
    unit: &'static str,
    limit: f64,
}

impl KernelLine {
    /// The line for programs.
    pub fn json(&self, device: &str, backend: &str) -> serde_json::Value {
        serde_json::json!({
            "kernel": self.kernel,
            "size": self.size,
            "device": device,
            "backend": backend,
            "microseconds": self.seconds * 1e6,
            "value": self.rate,
            "unit": self.unit,
            "limit": self.limit,
            "ratio": self.rate / self.limit,
        })
    }
}

impl std::fmt::Display for KernelLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "  {:<26} {:<26} {:>11.1} us {:>9.2} {:<8} {:>5.1} % of {:.1}",
            self.kernel,
            self.size,
            self.seconds * 1e6,
            self.rate,
            self.unit,
            100.0 * self.rate / self.limit,
            self.limit
        )
    }
}

/// Measures every kernel whose name contains `filter`, and hands each line over.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails, or what `each` returns.
pub fn kernels(
    device: &Device,
    filter: &str,
    limits: &Limits,
    each: &mut dyn FnMut(&KernelLine) -> Result<()>,
) -> Result<()> {
    for (kernel, size, sizes) in cases().filter(|(kernel, ..)| kernel.name.contains(filter)) {
        let case = Case::of_bench(kernel, sizes);
        let seconds = measure(&case, device)?;
        let (rate, unit, limit) = match case.flops > 0.0 {
            true => (case.flops / seconds / 1e9, "GFLOP/s", limits.gigaflops),
            false => {
                (case.numbers as f64 * 4.0 / seconds / 1e9, "GB/s", limits.gigabytes_per_second)
            }
        };
        each(&KernelLine { kernel: kernel.name, size, seconds, rate, unit, limit })?;
    }
    Ok(())
}

/// Seconds of one run of a case, by the device's clock where it has one: the median of rounds of a
/// tenth of a second.
///
/// # Errors
/// [`crate::Error::Device`] when the device fails.
pub fn measure(case: &Case, device: &Device) -> Result<f64> {
    let program = Program::of_case(case)?;
    let mut executor = device.prepare(&program)?;
    load(case, executor.as_mut())?;
    let mut run =
        |times: usize| -> Result<f64> { Ok(executor.time(RoutineId(0), times)? / times as f64) };
    run(1)?;
    let once = run(1)?;
    let times = ((0.1 / once.max(1e-8)) as usize).clamp(1, 9_000);
    run(times)?;
    let mut rounds = (0..5).map(|_| run(times)).collect::<Result<Vec<f64>>>()?;
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[2])
}

impl Limits {
    /// Measures a device: a copy of 64 MiB between buffers, and the kernel `peak_fma`.
    ///
    /// # Errors
    /// [`crate::Error::Device`] when the device fails.
    pub fn measure(device: &Device) -> Result<Limits> {
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
        copies(2)?;
        let best = (0..5).map(|_| copies(4)).collect::<Result<Vec<f64>>>()?;
        let seconds = best.into_iter().fold(f64::MAX, f64::min);
        let (_, sizes) = peak_fma::KERNEL.benches[0];
        let case = Case::of_bench(&peak_fma::KERNEL, sizes);
        Ok(Limits {
            gigabytes_per_second: (len * 8) as f64 / seconds / 1e9,
            gigaflops: case.flops / measure(&case, device)? / 1e9,
        })
    }
}

/// Every kernel at the sizes that it lists, and what to say of them.
fn cases() -> impl Iterator<Item = (&'static Kernel, &'static str, Sizes)> {
    ALL.iter().flat_map(|kernel| kernel.benches.iter().map(|&(size, sizes)| (*kernel, size, sizes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_a_bench_that_records_what_it_is_made_of() {
        for kernel in ALL {
            assert!(!kernel.benches.is_empty(), "{} has no bench", kernel.name);
        }
        for (kernel, size, sizes) in cases() {
            let case = Case::of_bench(kernel, sizes);
            assert!(case.numbers > 0 || case.flops > 0.0, "{} at {size}", kernel.name);
            let program = Program::of_case(&case).expect("it records");
            let bound = case.dispatches.iter().flat_map(|d| &d.bindings).map(|s| s.buffer.0);
            assert_eq!(bound.max(), Some(program.buffers.len() - 1), "{} at {size}", kernel.name);
            assert!(std::ptr::eq(case.dispatch().kernel, kernel), "{} at {size}", kernel.name);
        }
    }
}
