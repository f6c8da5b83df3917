//! Measurements: kernels by themselves, and whole training workloads.

mod kernels;
mod training;

pub use kernels::{KernelLine, Limits, cases, kernels, measure};
pub use training::{Workload, profile, training};
