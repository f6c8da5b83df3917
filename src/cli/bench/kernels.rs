//! Every kernel by itself: time, rate, the device's measured limit, and the ratio.

use crate::backend::{Ceilings, Device, Speed, measure};
use crate::error::Result;
use crate::kernels::case::{Case, Sizes};
use crate::kernels::{ALL, Kernel};

/// One line of results.
#[derive(Clone, Debug)]
pub struct KernelLine {
    kernel: &'static str,
    size: &'static str,
    seconds: f64,
    speed: Speed,
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
            "value": self.speed.rate,
            "unit": self.speed.unit,
            "limit": self.speed.limit,
            "ratio": self.speed.rate / self.speed.limit,
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
            self.speed.rate,
            self.speed.unit,
            100.0 * self.speed.rate / self.speed.limit,
            self.speed.limit
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
    limits: &Ceilings,
    each: &mut dyn FnMut(&KernelLine) -> Result<()>,
) -> Result<()> {
    for (kernel, size, sizes) in cases().filter(|(kernel, ..)| kernel.name.contains(filter)) {
        let case = Case::of_bench(kernel, sizes);
        let seconds = measure(&case, device)?;
        let speed = limits.speed(&case, seconds);
        each(&KernelLine { kernel: kernel.name, size, seconds, speed })?;
    }
    Ok(())
}

/// Every kernel at the sizes that it lists, and what to say of them.
fn cases() -> impl Iterator<Item = (&'static Kernel, &'static str, Sizes)> {
    ALL.iter().flat_map(|kernel| kernel.benches.iter().map(|&(size, sizes)| (*kernel, size, sizes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Program;

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
