//! Backends: what runs a [`crate::program::Program`]. `gpu` is any wgpu adapter, `cpu` the kernels' twins.

mod cpu;
mod device;
mod gpu;

pub use cpu::CpuExecutor;
pub use device::{AdapterLine, Device, DeviceKind, list_adapters, no_gpu_remark};
pub use gpu::GpuExecutor;

use crate::error::Result;
use crate::kernels::Span;
use crate::program::Run;

/// A program with its buffers on a device, ready to run. Buffers hold zeros at first.
pub trait Executor {
    /// Writes `values` to the start of an `f32` span.
    fn write_reals(&mut self, span: Span, values: &[f32]) -> Result<()>;

    /// Writes `values` to the start of a `u32` span.
    fn write_words(&mut self, span: Span, values: &[u32]) -> Result<()>;

    /// Reads an `f32` span.
    fn read_reals(&mut self, span: Span) -> Result<Vec<f32>>;

    /// Reads a `u32` span.
    fn read_words(&mut self, span: Span) -> Result<Vec<u32>>;

    /// Copies one span to another of the same length in another buffer, on the device.
    fn copy(&mut self, from: Span, to: Span) -> Result<()>;

    /// Runs the routines in order, to the end.
    fn run(&mut self, runs: &[Run]) -> Result<()>;
}
