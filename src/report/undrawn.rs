//! In place of what draws, in a build without the feature `pictures`: each says what is missing.

use super::drawing::{Cloud, GridGroup, GridRow, ScalingPanel};
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
pub fn history_png(_: &History) -> Result<Vec<u8>> {
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
pub fn scaling_png(_: &[ScalingPanel]) -> Result<Vec<u8>> {
    missing()
}

/// As with the feature `pictures`.
///
/// # Errors
/// Always: this build draws no pictures.
pub fn scatter_png(_: &[Cloud], _: &[String]) -> Result<Vec<u8>> {
    missing()
}
