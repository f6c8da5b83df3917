//! The GPU backend: runs a program on a wgpu adapter.
//!
//! `adapter` finds and opens one and watches whether it was lost, `waiter` waits for it; `pipelines` compiles kernels'
//! variants, once each; `variants` says which variant each dispatch takes; `submission` packs steps into submissions;
//! `transfer` reads buffers back; `clock` has the device's own times; `executor` is a prepared program, and uses all of them.

mod adapter;
mod clock;
mod executor;
mod pipelines;
mod submission;
mod transfer;
mod variants;
mod waiter;

#[cfg(feature = "unstable")]
pub(super) use adapter::{NEEDED, computes, passed_over};
pub(super) use adapter::{adapters, class, key, rank};
pub use executor::GpuExecutor;
pub(super) use pipelines::Pipelines;
#[cfg(feature = "cli")]
pub use waiter::is_waiting;
