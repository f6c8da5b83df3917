//! Pictures by the crate `image`: PNG and JPEG files to pixels from 0 to 1 and back (feature `pictures`).

use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use rayon::prelude::*;

use super::images::{ImageOptions, ImageShape, Images};
use crate::error::{Error, Result};

/// Reads pictures of one size, or makes them so.
pub(super) fn read_pictures(
    files: &[PathBuf],
    source: &Path,
    options: &ImageOptions,
) -> Result<Images> {
    let open = |path: &PathBuf| {
        let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
        image::load_from_memory(&bytes).map_err(|e| {
            Error::data(path, format!("this is not a complete picture ({e}); remove it"))
        })
    };
    let first = open(&files[0])?;
    let size = options.size.unwrap_or((first.width() as usize, first.height() as usize));
    // Sizes and colours first, so that a folder of mixed ones is refused before all are decoded.
    let is_grey = |path: &PathBuf| -> Result<bool> {
        let picture = open(path)?;
        let found = (picture.width() as usize, picture.height() as usize);
        if options.size.is_none() && found != size {
            return Err(Error::data(
                path,
                format!(
                    "the picture is {}x{}, but {} is {}x{}; resize all with a size of {}x{}",
                    found.0,
                    found.1,
                    files[0].display(),
                    size.0,
                    size.1,
                    size.0,
                    size.1
                ),
            ));
        }
        Ok(!picture.color().has_color())
    };
    let grey = match options.grey {
        true if options.size.is_some() => true,
        _ => {
            let grey: Vec<bool> = files.par_iter().map(is_grey).collect::<Result<_>>()?;
            options.grey || grey.iter().all(|&grey| grey)
        }
    };
    let channels = if grey { 1 } else { 3 };
    let shape = ImageShape { width: size.0, height: size.1, channels };
    let mut values = vec![0.0; files.len() * shape.len()];
    values.par_chunks_mut(shape.len()).zip(files).try_for_each(|(row, path)| {
        row.copy_from_slice(&from_picture(&open(path)?, &shape));
        Ok(())
    })?;
    let name = |path: &PathBuf| {
        let name = path.file_name().unwrap_or(source.as_os_str());
        name.to_string_lossy().into_owned()
    };
    Ok(Images { shape, values, names: files.iter().map(name).collect() })
}

/// An image at another size.
pub(super) fn resize(shape: ImageShape, values: &[f32], to: ImageShape) -> Result<Vec<f32>> {
    Ok(from_picture(&to_picture(shape, values), &to))
}

/// A picture's pixels from 0 to 1, resized where its size differs.
fn from_picture(picture: &image::DynamicImage, shape: &ImageShape) -> Vec<f32> {
    let (width, height) = (shape.width as u32, shape.height as u32);
    let resized;
    let picture = match (picture.width(), picture.height()) == (width, height) {
        true => picture,
        false => {
            resized = picture.resize_exact(width, height, FilterType::Triangle);
            &resized
        }
    };
    let bytes = match shape.channels {
        1 => picture.to_luma8().into_raw(),
        _ => picture.to_rgb8().into_raw(),
    };
    bytes.into_iter().map(|byte| byte as f32 / 255.0).collect()
}

/// Pixels from 0 to 1 as a picture; values outside are cut.
fn to_picture(shape: ImageShape, values: &[f32]) -> image::DynamicImage {
    let bytes: Vec<u8> =
        values.iter().map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    let (width, height) = (shape.width as u32, shape.height as u32);
    let picture = match shape.channels {
        1 => image::GrayImage::from_raw(width, height, bytes).map(Into::into),
        _ => image::RgbImage::from_raw(width, height, bytes).map(Into::into),
    };
    picture.unwrap_or_default()
}

/// An image as red, green, blue bytes of another size: enlarged pixel by pixel, or averaged.
pub fn image_thumbnail(shape: ImageShape, values: &[f32], width: u32, height: u32) -> Vec<u8> {
    let enlarges = width as usize >= shape.width;
    let filter = if enlarges { FilterType::Nearest } else { FilterType::Triangle };
    to_picture(shape, values).resize_exact(width, height, filter).to_rgb8().into_raw()
}

/// The bytes of a PNG of an image.
///
/// # Errors
/// [`Error::Model`] when it cannot be encoded.
pub fn image_png(shape: ImageShape, values: &[f32]) -> Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    to_picture(shape, values)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|e| Error::Model(format!("an image of {shape} cannot be written: {e}")))?;
    Ok(bytes.into_inner())
}
