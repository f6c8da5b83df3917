//! Results as people read them: reports, curves, grids of images, clouds of latents.
//!
//! Tables and figures (`classification`, `regression`, `pca`, `linear`) draw nothing; what draws
//! is in `plot`, `grid`, `scaling` and `scatter`.

mod classification;
mod grid;
mod linear;
mod pca;
mod plot;
mod regression;
mod scaling;
mod scatter;

pub use classification::ClassificationReport;
pub use grid::{GridGroup, GridRow, grid_png};
pub use pca::Pca;
pub use plot::{history_png, history_text};
pub use regression::RegressionReport;
pub use scaling::{ScalingPanel, scaling_png};
pub use scatter::{Cloud, scatter_png};
