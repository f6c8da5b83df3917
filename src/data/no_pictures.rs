//! In place of `pictures.rs` in a build without the feature `pictures`: each says what is missing.

use std::path::{Path, PathBuf};

use super::images::{ImageOptions, ImageShape, Images};
use crate::error::{Error, Result};

fn missing<T>() -> Result<T> {
    Err(Error::usage(
        "this build of wgslearn reads, resizes and writes no pictures; build it with the feature pictures",
    ))
}

/// Reads pictures of one size, or makes them so.
pub(super) fn read_pictures(
    _: &[PathBuf],
    _: Option<&Path>,
    _: &ImageOptions,
    _: Option<usize>,
) -> Result<Images> {
    missing()
}

/// Rows of pixels at another size: as they are.
pub(crate) fn reshape(_: ImageShape, values: &[f64], _: ImageShape) -> Vec<f64> {
    values.to_vec()
}

/// Whether this thread is within a decoder.
pub fn is_decoding() -> bool {
    false
}

/// An image at another size.
pub(super) fn resize(_: ImageShape, _: &[f32], _: ImageShape) -> Result<Vec<f32>> {
    missing()
}

/// The bytes of a PNG of an image.
///
/// # Errors
/// Always: this build writes no pictures.
pub fn image_png(_: ImageShape, _: &[f32]) -> Result<Vec<u8>> {
    missing()
}
