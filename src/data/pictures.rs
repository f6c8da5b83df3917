//! Pictures by the crate `image`: files of its formats to pixels from 0 to 1 and back (feature `pictures`).

use std::path::{Path, PathBuf};

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::imageops::{FilterType, resize as resize_pixels};
use image::metadata::Orientation;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use rayon::prelude::*;

use super::account::Account;
use super::images::{ImageOptions, ImageShape, Images, other_colours};
use crate::error::{Error, Result};

/// A picture takes at most as much memory as this, decoded: 1 GiB.
const MOST_BYTES: u64 = 1 << 30;

/// Bytes that a picture may take in memory whatever its file's size: 16 million pixels in colour.
const ALWAYS_BYTES: u64 = 48 << 20;

/// Bytes that a byte of a file may become beyond that. Only pictures of next to nothing pack better.
const MOST_UNPACKED: u64 = 64;

/// Pixels that a byte of a JPEG file holds at most: each block of 8 x 8 has a bit at least. What claims more is cut short,
/// and would be decoded for seconds all the same.
const JPEG_PIXELS: u64 = 512;

/// Bytes of memory that a picture whose file has `len` may take: a damaged header asks for any number.
fn most_bytes(len: usize) -> u64 {
    (len as u64).saturating_mul(MOST_UNPACKED).clamp(ALWAYS_BYTES, MOST_BYTES)
}

thread_local! {
    static DECODES: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether this thread is within a decoder, whose panics are caught and told as errors: a program's panic hook need
/// not print them.
pub fn is_decoding() -> bool {
    DECODES.get()
}

/// What a decoder gives; none where it panics, as some do on files that are damaged in a way that they did not think of.
fn contained<T>(decode: impl FnOnce() -> T) -> Option<T> {
    DECODES.set(true);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode));
    DECODES.set(false);
    outcome.ok()
}

/// Whether a file holds frames or pages behind the first, which is read alone.
fn has_more(path: &Path) -> bool {
    let find = || -> Option<bool> {
        let reader = ImageReader::open(path).ok()?.with_guessed_format().ok()?;
        Some(match reader.format()? {
            ImageFormat::Gif => {
                let mut decoder = GifDecoder::new(reader.into_inner()).ok()?;
                let mut limits = image::Limits::default();
                limits.max_alloc = Some(ALWAYS_BYTES);
                decoder.set_limits(limits).ok()?;
                decoder.into_frames().take(2).filter(|frame| frame.is_ok()).count() > 1
            }
            ImageFormat::WebP => WebPDecoder::new(reader.into_inner()).ok()?.has_animation(),
            ImageFormat::Png => PngDecoder::new(reader.into_inner()).ok()?.is_apng().ok()?,
            ImageFormat::Tiff => {
                tiff::decoder::Decoder::new(reader.into_inner()).ok()?.more_images()
            }
            _ => false,
        })
    };
    contained(find).flatten().unwrap_or(false)
}

/// Reads a picture's file: its first frame, turned as its EXIF orientation says, on white where it is transparent.
fn open(path: &Path) -> Result<DynamicImage> {
    let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
    let broken = |reason: String| {
        Error::data(path, format!("this is not a complete picture ({reason}); remove it"))
    };
    let decode = || -> image::ImageResult<DynamicImage> {
        let mut reader =
            ImageReader::new(std::io::Cursor::new(&bytes[..])).with_guessed_format()?;
        let mut limits = image::Limits::default();
        let most = most_bytes(bytes.len());
        limits.max_alloc = Some(most);
        reader.limits(limits);
        let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
        let mut decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        let pixels = width as u64 * height as u64;
        let is_cut = is_jpeg && pixels > JPEG_PIXELS * bytes.len() as u64;
        if is_cut || decoder.total_bytes() > most {
            return Err(image::ImageError::IoError(std::io::Error::other(format!(
                "its {} bytes claim to be a picture of {width}x{height}",
                bytes.len()
            ))));
        }
        // A tag that says nothing turns nothing.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok(picture)
    };
    let picture = match contained(decode) {
        Some(picture) => picture.map_err(|e| broken(e.to_string()))?,
        None => return Err(broken("its decoder failed".into())),
    };
    Ok(match picture.color().has_alpha() {
        true => on_white(&picture),
        false => picture,
    })
}

/// A picture without transparency: what a viewer with a white page shows.
fn on_white(picture: &DynamicImage) -> DynamicImage {
    let pixels = picture.to_rgba8();
    let over = |byte: u8, alpha: u8| {
        let sum = byte as u32 * alpha as u32 + 255 * (255 - alpha as u32);
        ((sum + 127) / 255) as u8
    };
    let (width, height) = pixels.dimensions();
    if !picture.color().has_color() {
        let grey = pixels.pixels().map(|p| over(p.0[0], p.0[3])).collect();
        return image::GrayImage::from_raw(width, height, grey).unwrap_or_default().into();
    }
    let colour = pixels.pixels().flat_map(|p| [0, 1, 2].map(|i| over(p.0[i], p.0[3]))).collect();
    image::RgbImage::from_raw(width, height, colour).unwrap_or_default().into()
}

/// Reads pictures of one size, or makes them so. They become grey where all are, or `options` or `channels` say so.
pub(super) fn read_pictures(
    files: &[PathBuf],
    folder: Option<&Path>,
    options: &ImageOptions,
    channels: Option<usize>,
) -> Result<Images> {
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
    let grey = match (options.grey || channels == Some(1), channels) {
        (true, _) if options.size.is_some() => true,
        (false, Some(_)) if options.size.is_some() => false,
        (is_asked, _) => {
            let grey: Vec<bool> = files.par_iter().map(is_grey).collect::<Result<_>>()?;
            is_asked || channels.is_none() && grey.iter().all(|&grey| grey)
        }
    };
    let shape = ImageShape { width: size.0, height: size.1, channels: if grey { 1 } else { 3 } };
    let count = (files.len() as u64).checked_mul(shape.len() as u64);
    let mut values = Vec::new();
    let room = count.and_then(|count| usize::try_from(count).ok());
    if room.is_none_or(|count| values.try_reserve_exact(count).is_err()) {
        return Err(Error::usage(format!(
            "{} images of {shape} do not fit in this machine's memory; give a smaller size",
            files.len()
        )));
    }
    values.resize(files.len() * shape.len(), 0.0);
    // Which of them have other colours than a model reads, where nobody asked for that.
    let is_told = channels.is_some() && !options.grey;
    let rows = values.par_chunks_mut(shape.len().max(1)).zip(files);
    let others = rows.map(|(row, path)| {
        let picture = open(path)?;
        row.copy_from_slice(&from_picture(&picture, &shape));
        let has_color = picture.color().has_color();
        Ok::<bool, Error>(is_told && if grey { is_coloured(&picture) } else { !has_color })
    });
    let others: Vec<bool> = others.collect::<Result<_>>()?;
    // With the folders between, so that a/x.png and b/x.png are two names.
    let name = |path: &PathBuf| {
        let name = folder.and_then(|folder| path.strip_prefix(folder).ok());
        let name = name.map(Path::as_os_str).or(path.file_name()).unwrap_or(path.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let names: Vec<String> = files.iter().map(name).collect();
    let mut account = Account::default();
    // Some grey ones among colours are as usual as in training.
    let are_others = grey || others.iter().all(|&other| other);
    if let Some(first) = others.iter().position(|&other| other && are_others) {
        let which = match others.iter().filter(|&&other| other).count() {
            // One, which the account names.
            1 if files.len() == 1 => "its pixels".into(),
            count => format!("{count} of {} pictures ({} first)", files.len(), names[first]),
        };
        account.warn(other_colours(&which, shape.channels));
    }
    let more: Vec<bool> = files.par_iter().map(|path| has_more(path)).collect();
    let mut more = names.iter().zip(more).filter(|(_, more)| *more).map(|(name, _)| name);
    if let Some(first) = more.next() {
        account.warn(match more.count() {
            0 => format!("{first} has several frames or pages: the first is read"),
            others => format!(
                "{} pictures have several frames or pages: the first of each is read ({first} and others)",
                others + 1
            ),
        });
    }
    Ok(Images { shape, values, names, account })
}

/// An image at another size.
pub(super) fn resize(shape: ImageShape, values: &[f32], to: ImageShape) -> Result<Vec<f32>> {
    Ok(from_picture(&to_picture(shape, values), &to))
}

/// Whether a pixel is not grey.
fn is_coloured(picture: &DynamicImage) -> bool {
    let differs = |pixel: &image::Rgb<u8>| pixel.0 != [pixel.0[0]; 3];
    picture.color().has_color() && picture.to_rgb8().pixels().any(differs)
}

/// A picture's pixels from 0 to 1, resized where its size differs.
fn from_picture(picture: &DynamicImage, shape: &ImageShape) -> Vec<f32> {
    let (width, height) = (shape.width as u32, shape.height as u32);
    let resized;
    let picture = match (picture.width(), picture.height()) == (width, height) {
        true => picture,
        false => {
            resized = picture.resize_exact(width, height, FilterType::Triangle);
            &resized
        }
    };
    let bytes = match (shape.channels, picture.color().has_color()) {
        (1, false) => picture.to_luma8().into_raw(),
        (1, true) => picture.to_rgb8().pixels().map(|pixel| luma(pixel.0)).collect(),
        _ => picture.to_rgb8().into_raw(),
    };
    bytes.into_iter().map(|byte| byte as f32 / 255.0).collect()
}

/// Parts of red, green and blue in a grey pixel: ITU-R BT.601, as PIL, OpenCV and Keras have it.
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];

/// A colour as grey, rounded as PIL rounds: 65,536ths.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let [r, g, b] = [red as u32, green as u32, blue as u32];
    ((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8
}

/// Rows of pixels of any value at another size and with other channels, in floating point.
pub(crate) fn reshape(shape: ImageShape, values: &[f64], to: ImageShape) -> Vec<f64> {
    let pixels = values.chunks_exact(shape.channels.max(1));
    let values: Vec<f64> = match (shape.channels, to.channels) {
        (3, 1) => {
            pixels.map(|p| p.iter().zip(LUMA).map(|(value, part)| value * part).sum()).collect()
        }
        (1, 3) => values.iter().flat_map(|&value| [value; 3]).collect(),
        _ => values.to_vec(),
    };
    if (shape.width, shape.height) == (to.width, to.height) {
        return values;
    }
    let size = [shape.width, shape.height, to.width, to.height].map(|side| side as u32);
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    let resized = match to.channels {
        1 => image::ImageBuffer::<image::Luma<f32>, _>::from_raw(size[0], size[1], values).map(
            |picture| resize_pixels(&picture, size[2], size[3], FilterType::Triangle).into_raw(),
        ),
        _ => image::ImageBuffer::<image::Rgb<f32>, _>::from_raw(size[0], size[1], values).map(
            |picture| resize_pixels(&picture, size[2], size[3], FilterType::Triangle).into_raw(),
        ),
    };
    resized.unwrap_or_default().into_iter().map(f64::from).collect()
}

/// Pixels from 0 to 1 as a picture; values outside are cut.
fn to_picture(shape: ImageShape, values: &[f32]) -> DynamicImage {
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
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|e| Error::Model(format!("an image of {shape} cannot be written: {e}")))?;
    Ok(bytes.into_inner())
}
