//! wgslearn
pub mod error;
#[macro_use]
pub mod kernels;
pub mod backend;
pub mod data;
pub mod model;
pub mod program;
pub mod text;
pub mod train;
pub use backend::Device;
pub use data::{Dataset, Inputs, Targets};
pub use error::{Error, Result};
pub use model::{Activation, Input, Layer, Loss, Model};
pub use train::{EarlyStopping, History, Optimizer, Predictor, Schedule, Session, Trainer};
