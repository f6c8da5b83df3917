//! Neural networks trained on any GPU: WGSL compute shaders, a Rust host on wgpu, and a CPU
//! reference for every kernel. One binary and one library, no CUDA, no Python.
//!
//! A [`Dataset`] and a [`Model`] go into a [`Trainer`], which runs on a [`Device`]:
//!
//! ```
//! use wgslearn::{Activation, Dataset, Device, Input, Inputs, Layer, Loss, Model, Targets, Trainer};
//!
//! // Rows of four ids, padded with 0; the last row is the odd one out.
//! let ids = vec![1, 2, 0, 0, 2, 1, 3, 0, 1, 3, 0, 0, 7, 8, 0, 0];
//! let targets = Targets::Values { values: vec![1.0, 1.0, 1.0, 0.0], width: 1 };
//! let dataset = Dataset::new(Inputs::Ids { values: ids, length: 4 }, targets, "example")?;
//!
//! let layers = vec![
//!     Layer::embedding(10, 8),
//!     Layer::mean_pool(),
//!     Layer::dense(1, Activation::Sigmoid),
//! ];
//! let mut model = Model::new(Input::Ids { length: 4 }, layers, Loss::BinaryCrossentropy, 7)?;
//!
//! let device = Device::open("auto")?;
//! let trainer = Trainer { epochs: 300, ..Trainer::default() };
//! let history = trainer.fit(&mut model, &dataset, None, &device)?;
//! assert!(history.loss[299] < history.loss[0]);
//! assert!(model.predict(dataset.inputs(), &device)?[0] > 0.5);
//! # Ok::<(), wgslearn::Error>(())
//! ```
//!
//! What a program needs is here at the root and in the public modules: [`run`] takes a run from files to results as
//! the command line does, [`train`] has sessions and observers, [`metrics`] what models are judged by, [`report`]
//! tables and pictures, [`data`] and [`text`] the way to inputs. `docs/library.md` shows each at work,
//! `docs/architecture.md` has the drawing. What lies below (kernels, programs, executors) is not public: the feature
//! `unstable` opens it for this crate's own tests and benches, and it changes without notice.

// No panic is reachable from input, files or a device.
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

// The blocks of the guide are compiled and run by `cargo test`.
#[cfg(doctest)]
#[doc = include_str!("../docs/library.md")]
struct Guide;

// Three modules are public for this crate's tests, benches and binary alone. They are declared without a macro, in which
// rustfmt would not find their files.
#[macro_use]
#[cfg(feature = "unstable")]
#[doc(hidden)]
pub mod kernels;
#[macro_use]
#[cfg(not(feature = "unstable"))]
#[allow(dead_code, unused_imports)]
mod kernels;

#[cfg(feature = "unstable")]
#[doc(hidden)]
pub mod backend;
#[cfg(not(feature = "unstable"))]
#[allow(dead_code, unused_imports)]
mod backend;

#[cfg(feature = "unstable")]
#[doc(hidden)]
pub mod program;
#[cfg(not(feature = "unstable"))]
#[allow(dead_code, unused_imports)]
mod program;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod data;
pub mod error;
pub mod files;
pub mod layers;
pub mod losses;
pub mod metrics;
pub mod model;
pub mod optimizers;
pub mod printable;
pub mod report;
pub mod run;
pub mod text;
pub mod train;

pub use backend::{AdapterInfo, Device, DeviceKind, list_adapters};
pub use data::{Dataset, Inputs, Rows, Targets};
pub use error::{DeviceFault, Error, Result};
pub use layers::{
    Activation, AveragePool, BagMode, BatchNorm, Conv2d, Conv2dTranspose, Dense, GroupNorm,
    Interpolation, Layer, MaxPool, Padding, Pair,
};
pub use losses::Loss;
pub use model::{Input, Model, Noise, NoiseKind};
pub use optimizers::{Clip, Optimizer, Schedule};
pub use train::{
    EarlyStopping, Fusions, History, Predictor, Profile, Session, Trainer, WordTrainer,
};
