//! Images as rows of numbers from 0 to 1: IDX files (MNIST's, plain or gzip) and folders of PNG and
//! JPEG files.
//!
//! A row holds an image's pixels from left to right and top to bottom, the channels of a pixel
//! together. A folder's images come in the order of their names.

use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::pictures::{read_pictures, resize};
use crate::error::{Error, Result};

/// Size of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
}

impl ImageShape {
    /// Elements of a row of data.
    pub fn len(self) -> usize {
        self.width * self.height * self.channels
    }

    /// Whether there is no pixel.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for ImageShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let colour = if self.channels == 1 { "grey" } else { "colour" };
        write!(f, "{}x{} {colour}", self.width, self.height)
    }
}

/// How a model sees images: what it reads and what it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageEncoder {
    /// Images that the model reads.
    pub input: ImageShape,
    /// Images that it gives.
    pub output: ImageShape,
    /// Whether images of other sizes are resized to `input`, as in training.
    pub resize: bool,
}

/// Choices for [`read_images`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageOptions {
    /// Resize every image to this width and height.
    pub size: Option<(usize, usize)>,
    /// Make every image grey.
    pub grey: bool,
}

/// Images read from a file or folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// Their size.
    pub shape: ImageShape,
    /// `[images, shape.len()]`, from 0 to 1.
    pub values: Vec<f32>,
    /// File names, for a folder.
    pub names: Vec<String>,
}

/// Whether `path` is read by [`read_images`]: a folder, a picture, or an IDX file.
pub fn holds_images(path: &Path) -> bool {
    if path.is_dir() || is_picture(path) {
        return true;
    }
    let mut start = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && (start[..2] == GZIP || start[..2] == [0, 0] && start[3] >= 1)
}

/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Whether a file's name says that it is a picture.
fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ["png", "jpg", "jpeg"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// Reads an IDX file of images, a folder of pictures, or one picture.
///
/// # Errors
/// [`Error::File`] and [`Error::Data`]: nothing to read, a broken file, sizes that differ without
/// `options.size`.
pub fn read_images(path: &Path, options: &ImageOptions) -> Result<Images> {
    if let Some((width, height)) = options.size
        && width.min(height) == 0
    {
        return Err(Error::usage("a size of 0 holds no pixel; give a size as 64x48"));
    }
    if path.is_dir() {
        return read_pictures(&picture_files(path)?, path, options);
    }
    if is_picture(path) {
        return read_pictures(&[path.to_owned()], path, options);
    }
    let Idx { dimensions, bytes } = read_idx(path)?;
    let [_, height, width] = dimensions[..] else {
        return Err(Error::data(
            path,
            format!(
                "the IDX file has {} dimensions, but images have three: number, rows, columns",
                dimensions.len()
            ),
        ));
    };
    let shape = ImageShape { width, height, channels: 1 };
    if shape.is_empty() {
        return Err(Error::data(
            path,
            format!("its images are {width}x{height}: they have no pixels"),
        ));
    }
    let values: Vec<f32> = bytes.iter().map(|&byte| byte as f32 / 255.0).collect();
    let images = Images { shape, values, names: Vec::new() };
    match options.size.filter(|&size| size != (width, height)) {
        None => Ok(images),
        Some((width, height)) => images.resized(width, height),
    }
}

impl Images {
    /// Number of images.
    pub fn count(&self) -> usize {
        self.values.len() / self.shape.len().max(1)
    }

    fn resized(self, width: usize, height: usize) -> Result<Images> {
        let shape = ImageShape { width, height, ..self.shape };
        let rows = self.values.par_chunks(self.shape.len().max(1));
        let rows: Vec<Vec<f32>> =
            rows.map(|values| resize(self.shape, values, shape)).collect::<Result<_>>()?;
        Ok(Images { shape, values: rows.concat(), names: self.names })
    }
}

/// The pictures of a folder, by name.
fn picture_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::file("read", folder, e))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::file("read", folder, e))?.path();
        if is_picture(&path) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Error::data(
            folder,
            "the folder holds no picture; put .png or .jpg files into it, or name another",
        ));
    }
    files.sort();
    Ok(files)
}

/// An IDX file of bytes: `[dimensions...]`, the last fastest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// Lengths of the axes.
    pub dimensions: Vec<usize>,
    /// One byte an element.
    pub bytes: Vec<u8>,
}

/// Reads an IDX file (LeCun's format for MNIST), plain or gzip.
///
/// # Errors
/// [`Error::File`], and [`Error::Data`] when it is no IDX file of bytes, or cut short.
pub fn read_idx(path: &Path) -> Result<Idx> {
    let mut bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
    if bytes.starts_with(&GZIP) {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain).map_err(|e| {
            Error::data(path, format!("this is not a complete gzip file ({e}); copy it again"))
        })?;
        bytes = plain;
    }
    let wrong = |message: &str| {
        Error::data(path, format!("this is no IDX file of bytes ({message}); name one as MNIST's"))
    };
    let [0, 0, kind, axes, ..] = bytes[..] else { return Err(wrong("its magic bytes are wrong")) };
    if kind != 8 {
        return Err(wrong("its elements are of another type"));
    }
    let start = 4 + 4 * axes as usize;
    if axes == 0 || bytes.len() < start {
        return Err(wrong("its header is cut short"));
    }
    let length = |axis: &[u8]| u32::from_be_bytes([axis[0], axis[1], axis[2], axis[3]]) as usize;
    let dimensions: Vec<usize> = bytes[4..start].chunks_exact(4).map(length).collect();
    let count = dimensions.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
    if count != Some(bytes.len() - start) {
        return Err(wrong(&format!(
            "its header says {dimensions:?}, but {} bytes follow; it may be cut short",
            bytes.len() - start
        )));
    }
    bytes.drain(..start);
    Ok(Idx { dimensions, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::image_png;

    #[test]
    fn pictures_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().expect("a folder");
        for channels in [1, 3] {
            let shape = ImageShape { width: 5, height: 3, channels };
            let values: Vec<f32> = (0..shape.len()).map(|i| i as f32 * 5.0 / 255.0).collect();
            let path = folder.path().join("b.png");
            std::fs::write(&path, image_png(shape, &values).expect("a png")).expect("written");
            let images = read_images(folder.path(), &ImageOptions::default()).expect("a folder");
            assert_eq!((images.shape, &images.values), (shape, &values));
            assert_eq!(images.names, ["b.png"]);
            let size = Some((10, 6));
            let large = read_images(&path, &ImageOptions { size, grey: true }).expect("a picture");
            assert_eq!(large.shape, ImageShape { width: 10, height: 6, channels: 1 });
        }
    }

    #[test]
    fn idx_files_are_read_plain_and_gzipped() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3];
        bytes.extend([0, 51, 255, 1, 2, 3]);
        let path = folder.path().join("images");
        std::fs::write(&path, &bytes).expect("written");
        let plain = read_images(&path, &ImageOptions::default()).expect("an IDX file");
        assert_eq!(plain.shape, ImageShape { width: 3, height: 1, channels: 1 });
        assert_eq!(plain.values[..3], [0.0, 0.2, 1.0]);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &bytes).expect("packed");
        let zipped = folder.path().join("images.gz");
        std::fs::write(&zipped, encoder.finish().expect("packed")).expect("written");
        assert!(holds_images(&zipped) && holds_images(&path));
        assert_eq!(read_images(&zipped, &ImageOptions::default()).expect("an IDX file"), plain);
        std::fs::write(&path, &bytes[..20]).expect("written");
        let error = read_images(&path, &ImageOptions::default()).expect_err("cut short");
        assert!(error.to_string().contains("cut short"), "{error}");
    }
}
