//! Measurements: kernels by themselves, and whole training workloads.

mod kernels;
mod scaling;
mod training;

pub use kernels::{KernelLine, Limits, cases, kernels, measure};
pub use scaling::{ScalingPoint, scaling, scaling_panels};
pub use training::{Workload, profile, training};
