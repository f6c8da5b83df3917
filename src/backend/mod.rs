//! Backends: what runs a [`crate::program::Program`]. `gpu` is any wgpu adapter, `cpu` the kernels' references.

mod cache;
mod check;
mod contest;
mod cpu;
mod device;
mod faults;
mod gpu;
#[cfg(feature = "unstable")]
mod measure;
mod memory;
mod memory_info;
#[cfg(feature = "unstable")]
mod survey;
mod tuner;

pub use cache::folder as cache_folder;
pub use check::Gap;
#[cfg(feature = "unstable")]
pub use check::{Compared, Oracle};
pub use cpu::CpuExecutor;
pub use device::{AdapterInfo, Device, DeviceKind, list_adapters, no_gpu_note};
pub use faults::Fault;
pub use gpu::GpuExecutor;
#[cfg(feature = "cli")]
pub use gpu::is_waiting;
#[cfg(feature = "unstable")]
pub use measure::{Ceilings, Level, Speed, measure, measure_roughly, measure_variant};
#[cfg(feature = "unstable")]
pub use survey::{AdapterReport, survey_adapters};
#[cfg(feature = "unstable")]
pub use tuner::TunedChoice;

pub(crate) use memory_info::free_memory;

use crate::error::{Error, Result};
use crate::kernels::Span;
use crate::program::{RoutineId, Run};

/// A program with its buffers on a device, ready to run. Buffers hold zeros at first.
///
/// What names a routine, a buffer or a span that the program does not have, takes a buffer for another type, or writes
/// more than a span holds, is an [`crate::Error::Model`], and nothing is done.
pub trait Executor: Send {
    /// Writes `values` to the start of an `f32` span.
    fn write_f32(&mut self, span: Span, values: &[f32]) -> Result<()>;

    /// Writes `values` to the start of a `u32` span.
    fn write_u32(&mut self, span: Span, values: &[u32]) -> Result<()>;

    /// Reads an `f32` span.
    fn read_f32(&mut self, span: Span) -> Result<Vec<f32>>;

    /// Reads a `u32` span.
    fn read_u32(&mut self, span: Span) -> Result<Vec<u32>>;

    /// Copies one span to another of the same length in another buffer, on the device.
    fn copy(&mut self, from: Span, to: Span) -> Result<()>;

    /// Runs the routines in order, to the end.
    fn run(&mut self, runs: &[Run]) -> Result<()>;

    /// Runs a routine `times` times in a row; returns the seconds that the device took for all,
    /// by its own clock where it has one.
    fn time(&mut self, routine: RoutineId, times: usize) -> Result<f64>;

    /// Runs a routine `times` times, each dispatch timed by itself; returns each dispatch's median.
    fn profile(&mut self, routine: RoutineId, times: usize) -> Result<Vec<Timing>>;

    /// The same program with buffers of its own, of zeros, but for those that it was made to share
    /// ([`Device::prepare_sharing`]): these are the same, and are only read from now on.
    fn fork(&self) -> Result<Box<dyn Executor>> {
        Err(Error::Model("this executor shares nothing".into()))
    }

    /// Where the host's time went so far.
    fn host_time(&self) -> HostTime {
        HostTime::default()
    }
}

/// Writes what a kernel's case holds into its program's buffers.
///
/// # Errors
/// As the executor's: the program is another.
#[cfg(feature = "unstable")]
pub fn load(case: &crate::kernels::case::Case, executor: &mut dyn Executor) -> Result<()> {
    use crate::kernels::case::Data;
    case.contents().try_for_each(|(span, data)| match data {
        Data::F32(values) => executor.write_f32(span, values),
        Data::U32(words) => executor.write_u32(span, words),
        // So a device makes them.
        Data::Zeros(..) => Ok(()),
    })
}

/// A dispatch and its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// The kernel's name.
    pub kernel: &'static str,
    /// Which of its variants ran; "reference" on the CPU backend.
    pub variant: &'static str,
    /// Seconds of one run.
    pub seconds: f64,
}

/// Where the host's time went, in seconds. All zero on the CPU backend, where host and device are
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostTime {
    /// Writing data, orders, rates and counters.
    pub writing: f64,
    /// Recording dispatches and submitting them.
    pub recording: f64,
    /// Waiting for the device to compute.
    pub waiting: f64,
    /// Reading losses and weights back.
    pub reading: f64,
}

/// The median; 0 of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Executor, Timing};
    use crate::error::Result;
    use crate::kernels::Span;
    use crate::program::{RoutineId, Run};

    /// An executor of a device that computes wrong: the middle element of all that is read is off, by 1 for words.
    pub(crate) struct Tampered(pub Box<dyn Executor>);

    impl Executor for Tampered {
        fn write_f32(&mut self, span: Span, values: &[f32]) -> Result<()> {
            self.0.write_f32(span, values)
        }
        fn write_u32(&mut self, span: Span, values: &[u32]) -> Result<()> {
            self.0.write_u32(span, values)
        }
        fn read_f32(&mut self, span: Span) -> Result<Vec<f32>> {
            let mut values = self.0.read_f32(span)?;
            let middle = values.len() / 2;
            values[middle] += 0.01 * (1.0 + values[middle].abs());
            Ok(values)
        }
        fn read_u32(&mut self, span: Span) -> Result<Vec<u32>> {
            let mut words = self.0.read_u32(span)?;
            let middle = words.len() / 2;
            words[middle] ^= 1;
            Ok(words)
        }
        fn copy(&mut self, from: Span, to: Span) -> Result<()> {
            self.0.copy(from, to)
        }
        fn run(&mut self, runs: &[Run]) -> Result<()> {
            self.0.run(runs)
        }
        fn time(&mut self, routine: RoutineId, times: usize) -> Result<f64> {
            self.0.time(routine, times)
        }
        fn profile(&mut self, routine: RoutineId, times: usize) -> Result<Vec<Timing>> {
            self.0.profile(routine, times)
        }
    }
}
