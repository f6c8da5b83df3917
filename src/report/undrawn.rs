//! In place of what draws, in a build without the feature `pictures`: each says what is missing.

use super::drawing::{Cloud, GridGroup, GridRow, PlotFormat, ScalingPanel, Tile};
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::train::History;

fn missing() -> Result<Vec<u8>> {
    Err(Error::usage(
        "this build of wgslearn draws no pictures; build it with the feature pictures",
    ))
}

/// As with the feature `pictures`.
///
/// # Errors
/// Always: this build draws no pictures.
pub fn history_plot(_: &History, _: PlotFormat) -> Result<Vec<u8>> {
    missing()
}

/// As with the feature `pictures`.
///
/// # Errors
/// Always: this build draws no pictures.
pub fn grid_png(_: &[GridRow<'_>], _: &[GridGroup], _: &[String]) -> Result<Vec<u8>> {
    missing()
}

/// As with the feature `pictures`.
///
/// # Errors
/// Always: this build draws no pictures.
pub fn scaling_plot(_: &[ScalingPanel], _: PlotFormat) -> Result<Vec<u8>> {
    missing()
}

/// As with the feature `pictures`.
///
/// # Errors
/// Always: this build draws no pictures.
pub fn named_plot(_: &Cloud, _: &[String], _: PlotFormat) -> Result<Vec<u8>> {
    missing()
}

/// As with the feature `pictures`.
///
/// # Errors
/// [`Error::Training`] always.
pub fn scatter_plot(_: &[Cloud], _: &[String], _: PlotFormat) -> Result<Vec<u8>> {
    missing()
}

/// As with the feature `pictures`.
///
/// # Errors
/// Always: this build draws no pictures.
pub fn tiles_png(_: ImageShape, _: &[Tile<'_>], _: usize) -> Result<Vec<u8>> {
    missing()
}
