//! Results as people read them: reports, curves, grids of images, clouds of codes.

mod classification;
mod grid;
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
