//! The GPU backend: runs a program on a wgpu adapter.
//!
//! `adapter` finds and opens one and watches whether it was lost; `pipelines` compiles kernels' variants, once each;
//! `variants` says which variant each dispatch takes; `submission` packs steps into submissions; `transfer` reads
//! buffers back; `clock` has the device's own times; `executor` is a prepared program, and uses all of them.

mod adapter;
mod clock;
mod executor;
mod pipelines;
mod submission;
mod transfer;
mod variants;

pub(super) use adapter::{adapters, class, key, rank};
#[cfg(feature = "unstable")]
pub(super) use adapter::{NEEDED, computes, passed_over};
pub use executor::GpuExecutor;
pub(super) use pipelines::Pipelines;
