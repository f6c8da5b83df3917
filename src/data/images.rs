//! Images as rows of numbers from 0 to 1: IDX files (MNIST's, plain or packed) and folders of
//! pictures.
//!
//! A row holds an image's pixels from left to right and top to bottom, the channels of a pixel
//! together. A folder's images come in the order of their names.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::format::{Content, content, first_bytes};
use super::pictures::{read_pictures, resize};
use super::source::ByteSource;
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageEncoder {
    /// Images that the model reads.
    pub input: ImageShape,
    /// Images that it gives.
    pub output: ImageShape,
    /// Whether images of other sizes are resized to `input`, as in training.
    pub resize: bool,
    /// Whether pictures were made grey in training, as asked: then colours are no surprise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made_grey: bool,
    /// What the values of an array were divided by in training; none for pictures, whose bytes are divided by 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divisor: Option<f64>,
    /// The same for the targets' arrays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_divisor: Option<f64>,
}

/// That images have other colours than a model reads: what is said of `which`, "its images" or "3 pictures (a.png first)".
pub(crate) fn other_colours(which: &str, channels: usize) -> String {
    match channels {
        1 => format!("{which} are in colour: they are read as grey, as the model's are"),
        _ => format!("{which} are grey: they are read as colours, as the model's are"),
    }
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
    /// File names, for a folder: with those of the folders within it.
    pub names: Vec<String>,
    /// What became of the files.
    pub account: Account,
}

/// Reads an IDX file of images, a folder of pictures with the folders within, or one picture.
///
/// # Errors
/// [`Error::File`] and [`Error::Data`]: nothing to read, a broken file, sizes that differ without
/// `options.size`.
pub fn read_images(path: &Path, options: &ImageOptions) -> Result<Images> {
    read_images_with(path, options, None)
}

/// [`read_images`] with these channels, whatever the pictures have: 1 for grey, 3 for colour.
///
/// # Errors
/// As [`read_images`].
pub fn read_images_with(
    path: &Path,
    options: &ImageOptions,
    channels: Option<usize>,
) -> Result<Images> {
    if let Some((width, height)) = options.size
        && width.min(height) == 0
    {
        return Err(Error::usage("a size of 0 holds no pixel; give a size as 64x48"));
    }
    if path.is_dir() {
        let mut account = Account::new(path);
        let files = picture_files(path, &mut account)?;
        let images = read_pictures(&files, Some(path), options, channels)?;
        account.read += files.len();
        account.warnings.extend(images.account.warnings);
        return Ok(Images { account, ..images });
    }
    if !is_idx(path) {
        let images = read_pictures(&[path.to_owned()], None, options, channels)?;
        let warnings = images.account.warnings;
        return Ok(Images { account: Account { warnings, ..Account::of_rows(path, 1) }, ..images });
    }
    let Idx { dimensions, bytes } = read_idx(path)?;
    let [count, height, width] = dimensions[..] else {
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
    let account = Account::of_rows(path, count);
    let mut images = Images { shape, values, names: Vec::new(), account };
    if let Some((width, height)) = options.size.filter(|&size| size != (width, height)) {
        images = images.resized(width, height)?;
    }
    if channels == Some(3) {
        images.values = images.values.iter().flat_map(|&value| [value; 3]).collect();
        images.shape.channels = 3;
        images.account.warn(other_colours("its images", 3));
    }
    Ok(images)
}

/// Reads pictures from these files, in their order.
///
/// # Errors
/// As [`read_images`].
pub fn read_picture_files(
    files: &[PathBuf],
    options: &ImageOptions,
    channels: Option<usize>,
) -> Result<Images> {
    if files.is_empty() {
        return Err(Error::usage("there is no picture to read; name at least one"));
    }
    let images = read_pictures(files, None, options, channels)?;
    let warnings = images.account.warnings;
    Ok(Images { account: Account { read: files.len(), warnings, ..Account::default() }, ..images })
}

/// Whether a path is of files of pictures: a folder or one picture, no IDX file or array.
pub(crate) fn holds_picture_files(path: &Path) -> bool {
    path.is_dir() || content(path) == Content::Images && !is_idx(path)
}

/// The pictures of a folder with the folders within, or one picture: files, their names, and what became of the others.
///
/// # Errors
/// [`Error::File`] and [`Error::Data`], where nothing is to be read.
pub(crate) fn list_pictures(path: &Path) -> Result<(Vec<PathBuf>, Vec<String>, Account)> {
    if !path.is_dir() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok((vec![path.to_owned()], vec![name], Account::of_rows(path, 1)));
    }
    let mut account = Account::new(path);
    let files = picture_files(path, &mut account)?;
    account.read += files.len();
    let name =
        |file: &PathBuf| file.strip_prefix(path).unwrap_or(file).to_string_lossy().into_owned();
    let names = files.iter().map(name).collect();
    Ok((files, names, account))
}

/// Folders that are a part of a data set rather than a class of it.
const PARTS: [&str; 6] = ["train", "training", "test", "val", "valid", "validation"];

/// Reads a folder of one folder a class: the pictures with their names, `CLASS/...`, and the class of each. A picture
/// that lies in no folder of a class is left out, and counted.
///
/// # Errors
/// As [`read_images`]; [`Error::Data`] where there are no such folders.
pub fn read_class_folder(
    path: &Path,
    options: &ImageOptions,
    channels: Option<usize>,
) -> Result<(Images, Vec<String>)> {
    let mut account = Account::new(path);
    let files = picture_files(path, &mut account)?;
    let class_of = |file: &PathBuf| {
        let mut parts = file.strip_prefix(path).ok()?.components();
        let first = parts.next()?.as_os_str().to_string_lossy().into_owned();
        parts.next().map(|_| first)
    };
    let mut kept = Vec::new();
    let mut classes: Vec<String> = Vec::new();
    let mut loose: Vec<String> = Vec::new();
    for file in files {
        match class_of(&file) {
            Some(class) => {
                kept.push(file);
                classes.push(class);
            }
            None => loose.push(file.file_name().unwrap_or_default().to_string_lossy().into_owned()),
        }
    }
    account.read += kept.len();
    if let [first, ..] = &loose[..] {
        account.warn(match loose.len() {
            1 => format!("1 picture is left out, being in no folder of a class ({first})"),
            many => format!(
                "{many} pictures are left out, being in no folder of a class ({first} and others)"
            ),
        });
    }
    let mut names = classes.clone();
    names.dedup();
    if names.is_empty() {
        return Err(Error::data(
            path,
            "its pictures lie in no folders of classes; put those of each class into a folder of its own, or give a CSV file of paths and labels",
        ));
    }
    let is_part = |name: &String| PARTS.contains(&name.to_lowercase().as_str());
    if names.iter().all(is_part) {
        return Err(Error::data(
            path,
            format!(
                "its folders are called {}: parts of a data set, not classes; give one of them to train on, and another to test on",
                names.join(", ")
            ),
        ));
    }
    for entry in std::fs::read_dir(path).map_err(|e| Error::file("read", path, e))? {
        let entry = entry.map_err(|e| Error::file("read", path, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !name.starts_with('.') && !names.contains(&name) {
            account.warn(format!("the folder {name} holds no picture, so it is no class"));
        }
    }
    let images = read_pictures(&kept, Some(path), options, channels)?;
    account.warnings.extend(images.account.warnings);
    account.warnings.sort();
    Ok((Images { account, ..images }, classes))
}

/// Whether a file begins as an IDX file does, packed or not.
pub fn is_idx(path: &Path) -> bool {
    first_bytes(path).is_some_and(|start| matches!(start[..], [0, 0, 8..=14, 1..=8, ..]))
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
        Ok(Images { shape, values: rows.concat(), ..self })
    }
}

/// The pictures of a folder and of those within it, by name. Hidden files are passed over, and what is no picture
/// is counted.
fn picture_files(folder: &Path, account: &mut Account) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut others: Vec<PathBuf> = Vec::new();
    let mut hidden = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|e| Error::file("read", &folder, e))?;
        for entry in entries {
            let entry = entry.map_err(|e| Error::file("read", &folder, e))?;
            let (path, name) = (entry.path(), entry.file_name());
            if name.to_string_lossy().starts_with('.') {
                hidden += 1;
            } else if path.is_dir() {
                // A link to a folder above would never end.
                let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                if !is_link {
                    folders.push(path);
                }
            } else if content(&path) == Content::Images {
                files.push(path);
            } else {
                others.push(path);
            }
        }
    }
    if files.is_empty() {
        return Err(Error::data(
            folder,
            "the folder holds no picture; put .png, .jpg, .gif, .webp, .bmp or .tiff files into it, or name another",
        ));
    }
    files.sort();
    if let Some(first) = others.iter().min() {
        account.warn(format!(
            "{} left out, being no {} ({})",
            match others.len() {
                1 => "1 file is".to_owned(),
                many => format!("{many} files are"),
            },
            if others.len() == 1 { "picture" } else { "pictures" },
            first.strip_prefix(folder).unwrap_or(first).display()
        ));
    }
    if hidden > 0 {
        account.warn(format!("{hidden} hidden files are left out (their names begin with a dot)"));
    }
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

/// Reads an IDX file (LeCun's format for MNIST), plain or packed.
///
/// # Errors
/// [`Error::File`], and [`Error::Data`] when it is no IDX file of bytes, or cut short.
pub fn read_idx(path: &Path) -> Result<Idx> {
    let mut bytes = ByteSource::read(path)?.bytes;
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
    fn a_shape_is_said_in_words() {
        let said = |channels| ImageShape { width: 5, height: 3, channels }.to_string();
        assert_eq!([said(1), said(3)], ["5x3 grey", "5x3 colour"]);
    }

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
        assert!([&zipped, &path].iter().all(|path| content(path) == Content::Images));
        let unpacked = read_images(&zipped, &ImageOptions::default()).expect("an IDX file");
        assert_eq!((unpacked.shape, unpacked.values), (plain.shape, plain.values));
        std::fs::write(&path, &bytes[..20]).expect("written");
        let error = read_images(&path, &ImageOptions::default()).expect_err("cut short");
        assert!(error.to_string().contains("cut short"), "{error}");
    }
}
