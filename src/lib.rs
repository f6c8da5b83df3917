//! wgslearn
pub mod error;
#[macro_use]
pub mod kernels;
pub mod backend;
pub mod program;
pub use backend::Device;
pub use error::{Error, Result};
