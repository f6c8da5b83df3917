//! The one place that tells what a file is: by its content where that says so, else by its
//! extension in any case of letters, else by how its first line looks.

use std::io::{Read, Seek};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::source::{ByteSource, extension, file_and_array, is_packed, packing};
use crate::error::{Error, Result};

/// How rows are written in a file of texts or a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// Fields with commas between, in quotes where they hold one.
    Csv,
    /// Fields with tabs between.
    Tsv,
    /// A JSON object a line, or one array of objects.
    Jsonl,
    /// fastText's lines: `__label__NAME` and a text.
    Labels,
    /// A text a line.
    Lines,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Rows of texts or of a table.
    Rows,
    /// A `.npy` array, several in a `.npz` file, or one of these (`mnist.npz/x_train`).
    Array,
    /// A picture, a folder of pictures, or an IDX file of images.
    Images,
}

/// What is at `path`: a folder, or what a file's first bytes say. A pipe is not touched: what comes
/// through it are rows.
pub fn content(path: &Path) -> Content {
    if path.is_dir() {
        return Content::Images;
    }
    if file_and_array(path).1.is_some() {
        return Content::Array;
    }
    let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    match (is_file.then(|| first_bytes(path)).flatten(), extension(path).as_str()) {
        (_, "npy" | "npz") => Content::Array,
        // Only its name can tell.
        (None, _) => Content::Rows,
        (Some(start), extension) => content_of(&start, extension),
    }
}

/// The first bytes that a file holds, unpacked.
pub(super) fn first_bytes(path: &Path) -> Option<Vec<u8>> {
    const ENOUGH: u64 = 512;
    let mut file = std::io::BufReader::new(std::fs::File::open(path).ok()?);
    let mut start = Vec::new();
    file.by_ref().take(ENOUGH).read_to_end(&mut start).ok()?;
    let Some(packing) = packing(&start) else { return Some(start) };
    file.rewind().ok()?;
    let mut plain = Vec::new();
    // What is broken behind them is told by who reads it.
    let _ = packing.unpacking(file).ok()?.take(ENOUGH).read_to_end(&mut plain);
    Some(plain)
}

fn content_of(start: &[u8], extension: &str) -> Content {
    let is_riff = |kind: &[u8]| start.starts_with(b"RIFF") && start.get(8..12) == Some(kind);
    let pictures: [&[u8]; 6] =
        [b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"];
    // A bitmap's header: its size, four bytes of zero.
    let is_bmp = start.starts_with(b"BM") && start.get(6..10) == Some(&[0; 4]);
    let is_picture = pictures.iter().any(|magic| start.starts_with(magic));
    let is_idx = matches!(start, [0, 0, 8..=14, 1..=8, ..]);
    if start.starts_with(b"\x93NUMPY") {
        Content::Array
    } else if is_picture || is_bmp || is_riff(b"WEBP") || is_idx {
        Content::Images
    } else if is_packed(start) {
        Content::Rows
    } else {
        match extension {
            "png" | "jpg" | "jpeg" | "gif" | "webp" | "bmp" | "tif" | "tiff" | "idx" => {
                Content::Images
            }
            _ => Content::Rows,
        }
    }
}

impl Format {
    /// The format of a source of rows. `columns` are names that its first line would hold.
    ///
    /// # Errors
    /// [`Error::Data`] for what holds no rows: an archive, a model, a spreadsheet.
    pub fn of(source: &ByteSource, given: Option<Format>, columns: &[&str]) -> Result<Format> {
        if let Some(format) = given {
            return Ok(format);
        }
        refuse_others(source)?;
        match source.extension.as_str() {
            "csv" => return Ok(Format::Csv),
            "tsv" | "tab" => return Ok(Format::Tsv),
            "jsonl" | "ndjson" | "json" => return Ok(Format::Jsonl),
            _ => {}
        }
        let first = source.bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
        let first = first.map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
        let first = String::from_utf8_lossy(first.unwrap_or_default());
        let is_object = |text: &str| {
            serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.is_object())
        };
        if is_object(&first) {
            return Ok(Format::Jsonl);
        }
        let names = |separator: char| {
            let found =
                |name: &str| first.split(separator).any(|n| n.trim().trim_matches('"') == name);
            first.contains(separator)
                && !columns.is_empty()
                && columns.iter().all(|name| found(name))
        };
        Ok(match () {
            () if names('\t') => Format::Tsv,
            () if names(',') || names(';') => Format::Csv,
            () if source.bytes.windows(9).any(|bytes| bytes == b"__label__") => Format::Labels,
            () => Format::Lines,
        })
    }
}

/// Says of files that hold no rows what they are, instead of what is wrong in their first line.
fn refuse_others(source: &ByteSource) -> Result<()> {
    let bytes = &source.bytes;
    let is = |magic: &[u8]| bytes.starts_with(magic);
    // A safetensors file begins with the length of its header, which is JSON.
    let is_safetensors = bytes.len() > 9 && bytes[4..8] == [0; 4] && bytes[8] == b'{';
    let message = match () {
        () if is(b"PK\x03\x04") => {
            "this is a zip archive or a spreadsheet; save the sheet as CSV, or unpack it first"
        }
        () if is(b"PAR1") => {
            "this is a Parquet file; save it as CSV, for example with pandas' to_csv"
        }
        () if is(b"\xd0\xcf\x11\xe0") => "this is a spreadsheet; save the sheet as CSV",
        () if is(b"%PDF") => "this is a PDF file; take its text out first",
        () if is(b"\x93NUMPY") => "this is a .npy array, which holds no texts",
        () if is(b"\x89HDF") => "this is an HDF5 file; save its rows as CSV or .npy",
        () if is(b"\xfd7zXZ") => "this is packed with xz; unpack it first",
        () if is_safetensors => "this is a model or a file of weights, not data",
        () => return Ok(()),
    };
    Err(Error::data(source.path(), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(name: &str, text: &str) -> Format {
        let source = ByteSource::of(Path::new(name), text.as_bytes().to_vec()).expect("a source");
        Format::of(&source, None, &["text", "label"]).expect("a format")
    }

    #[test]
    fn names_and_content_tell_the_format() {
        assert_eq!(format("A.CSV", "anything"), Format::Csv);
        assert_eq!(format("a.tsv.gz", "anything"), Format::Tsv);
        assert_eq!(format("a.json", "[]"), Format::Jsonl);
        assert_eq!(format("-", "\n{\"text\": 1}\n"), Format::Jsonl);
        assert_eq!(format("-", "label,\"text\"\na,b\n"), Format::Csv);
        assert_eq!(format("-", "text;label\na;b\n"), Format::Csv);
        assert_eq!(format("-", "text\tlabel\na\tb\n"), Format::Tsv);
        assert_eq!(format("a.txt", "__label__a b\n"), Format::Labels);
        assert_eq!(format("a.txt", "text, then more\n"), Format::Lines);
    }

    #[test]
    fn other_files_are_called_by_their_names() {
        for (bytes, says) in [
            (&b"PK\x03\x04rest"[..], "spreadsheet"),
            (b"PAR1", "Parquet"),
            (b"\x40\0\0\0\0\0\0\0{\"a\":", "model"),
            (b"%PDF-1.4", "PDF"),
            (b"\xd0\xcf\x11\xe0\xa1", "this is a spreadsheet"),
            (b"\x93NUMPY\x01", "which holds no texts"),
            (b"\x89HDF\r", "HDF5"),
            (b"\xfd7zXZ\0", "xz"),
        ] {
            let source = ByteSource::of(Path::new("x.csv"), bytes.to_vec()).expect("a source");
            let error = Format::of(&source, None, &[]).expect_err("no rows").to_string();
            assert!(error.contains(says), "{error}");
        }
        assert_eq!(content_of(b"BM\x9a\0\0\0\0\0\0\0", ""), Content::Images);
        assert_eq!(content_of(b"BM are letters", "txt"), Content::Rows);
        assert_eq!(content_of(b"\0\0\x08\x03", ""), Content::Images);
        assert_eq!(content_of(b"RIFFxxxxWEBP", "jpg"), Content::Images);
    }
}
