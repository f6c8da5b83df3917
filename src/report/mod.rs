//! Results as people read them: reports, curves, grids of images, clouds of latents.
//!
//! Tables and figures (`classification`, `regression`, `pca`, `linear`) draw nothing; what draws
//! is in `plot`, `grid`, `scaling` and `scatter`, on what `canvas`, `braille` and `axis` give.

#[cfg(feature = "pictures")]
mod axis;
#[cfg(feature = "pictures")]
mod braille;
#[cfg(feature = "pictures")]
mod canvas;
mod classification;
mod drawing;
#[cfg(feature = "pictures")]
mod grid;
mod labels;
mod linear;
mod pca;
#[cfg(feature = "pictures")]
mod plot;
mod regression;
#[cfg(feature = "pictures")]
mod scaling;
#[cfg(feature = "pictures")]
mod scatter;
mod ssim;
#[cfg(feature = "pictures")]
mod tiles;
#[cfg(not(feature = "pictures"))]
mod undrawn;

pub use classification::{ClassificationReport, Confused, Scores};
pub use drawing::{Cloud, GridGroup, GridRow, PlotFormat, ScalingPanel, Tile};
#[cfg(feature = "pictures")]
pub use grid::grid_png;
pub use labels::{AtK, LabelReport, best_thresholds};
pub use pca::Pca;
pub(crate) use pca::first_direction;
#[cfg(feature = "pictures")]
pub use plot::{history_plot, history_text};
pub use regression::RegressionReport;
#[cfg(feature = "pictures")]
pub use scaling::scaling_plot;
#[cfg(feature = "pictures")]
pub use scatter::{named_plot, scatter_plot};
pub use ssim::ssim;
#[cfg(feature = "pictures")]
pub use tiles::tiles_png;
#[cfg(not(feature = "pictures"))]
pub use undrawn::*;
