//! The bytes of a file, a pipe or standard input (`-`), read once, unpacked where they are packed
//! (gzip, zstd, bzip2), as UTF-8 where UTF-16 marks itself, without a byte order mark.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use super::npz;
use crate::error::{Error, Result};

/// What a file holds, and what its name says.
#[derive(Clone, Debug)]
pub struct ByteSource {
    /// Where it came from, for messages.
    pub path: PathBuf,
    /// Its bytes, unpacked.
    pub bytes: Vec<u8>,
    /// The extension in small letters, without that of a packed file: `csv` of `a.CSV.gz`.
    pub extension: String,
    /// What came before, where these are a block of a file that is read piece by piece.
    pub before: Before,
}

/// What the rows before a block of a file have said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Before {
    /// Lines before the block's first.
    pub lines: u64,
    /// How the fields of a separated file lie; `None` at its start.
    pub head: Option<Head>,
}

/// How the fields of a separated file lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Names of the columns.
    pub names: Vec<String>,
    /// Whether the first line names them.
    pub has_header: bool,
    /// What stands between fields.
    pub separator: u8,
    /// Whether quotes are quotes, rather than characters.
    pub quoting: bool,
}

/// Bytes that one packed byte may become. Texts and tables pack 3 to 30 times; a file beyond this
/// is a mistake or an attack.
const MOST_UNPACKED: u64 = 200;

/// Unpacked bytes that are taken whatever the file's size.
const ALWAYS_UNPACKED: u64 = 16 << 20;

impl ByteSource {
    /// Reads `path`, or standard input for `-`, or an array of a `.npz` file (`mnist.npz/x_train`).
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, [`Error::Data`] when it is packed and cut short, or
    /// unpacks to more than any data do.
    pub fn read(path: &Path) -> Result<ByteSource> {
        if let (file, Some(array)) = file_and_array(path) {
            let bytes = npz::member(&ByteSource::read(file)?.bytes, Some(&array))
                .map_err(|message| Error::data(file, message))?;
            return Ok(ByteSource { extension: "npy".into(), ..ByteSource::of(path, bytes)? });
        }
        let mut bytes = Vec::new();
        if path == Path::new("-") {
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|e| Error::file("read", "standard input", e))?;
        } else {
            std::fs::File::open(path)
                .and_then(|mut file| file.read_to_end(&mut bytes))
                .map_err(|e| Error::file("read", path, e))?;
        }
        ByteSource::of(path, bytes)
    }

    /// A source of bytes that are there.
    ///
    /// # Errors
    /// As [`ByteSource::read`].
    pub fn of(path: &Path, mut bytes: Vec<u8>) -> Result<ByteSource> {
        let shown = match path == Path::new("-") {
            true => Path::new("standard input"),
            false => path,
        };
        if let Some(packed) = unpack(&bytes, shown)? {
            bytes = packed;
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        if let Some(decoded) = from_utf16(&bytes, shown)? {
            bytes = decoded;
        }
        let (path, extension) = (shown.to_owned(), extension(path));
        Ok(ByteSource { path, bytes, extension, before: Before::default() })
    }

    /// The path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The file that holds what `path` names and, where this is an array of a `.npz` file, the array's name: `mnist.npz` and
/// `x_train` of `mnist.npz/x_train`.
pub(crate) fn file_and_array(path: &Path) -> (&Path, Option<String>) {
    let is_archive = |file: &&Path| extension(file) == "npz" && file.is_file();
    let Some(file) = path.ancestors().skip(1).find(is_archive) else { return (path, None) };
    let name = path.strip_prefix(file).map(|name| {
        let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    });
    (file, name.ok())
}

/// The path of the array of that name, where `path` is a `.npz` file and names none itself.
pub(crate) fn array_path(path: &Path, name: Option<&str>) -> PathBuf {
    match name {
        Some(name) if extension(path) == "npz" && path.is_file() => path.join(name),
        _ => path.to_owned(),
    }
}

/// A file's extension in small letters, without that of a packed file: `csv` of `a.CSV.gz`.
pub fn extension(path: &Path) -> String {
    let of = |path: &Path| {
        path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
    };
    match of(path).as_str() {
        "gz" | "zst" | "bz2" => of(path.file_stem().map(Path::new).unwrap_or(path)),
        other => other.to_owned(),
    }
}

/// Whether these first bytes are those of a packed file.
pub fn is_packed(start: &[u8]) -> bool {
    packing(start).is_some()
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
    Bzip2,
}

impl Packing {
    fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
            Packing::Bzip2 => "bzip2",
        }
    }

    /// What packed bytes hold, of all members.
    pub(super) fn unpacking<'r>(
        self,
        reader: impl BufRead + 'r,
    ) -> std::result::Result<Box<dyn Read + 'r>, String> {
        match self {
            #[cfg(feature = "compression")]
            Packing::Gzip => Ok(Box::new(flate2::bufread::MultiGzDecoder::new(reader))),
            #[cfg(feature = "compression")]
            Packing::Zstd => Ok(unpacking_zstd(reader)),
            #[cfg(feature = "compression")]
            Packing::Bzip2 => Ok(unpacking_bzip2(reader)),
            #[cfg(not(feature = "compression"))]
            _ => {
                drop(reader);
                Err(NOT_BUILT_IN.into())
            }
        }
    }

    /// That a file is not what it begins as.
    pub(super) fn refusal(self, path: &Path, reason: &str) -> Error {
        let name = self.name();
        let message = match reason {
            NOT_BUILT_IN => format!("this build cannot read {name}; unpack the file first"),
            reason => format!("this is not a complete {name} file ({reason}); copy it again"),
        };
        Error::data(path, message)
    }

    /// That a file of `packed` bytes becomes more than `most`.
    pub(super) fn too_much(self, path: &Path, packed: u64, most: u64) -> Error {
        let name = self.name();
        Error::data(
            path,
            format!(
                "its {packed} bytes of {name} unpack to more than {most} bytes, more than any data do; if it is meant, unpack it first"
            ),
        )
    }
}

pub(super) fn packing(start: &[u8]) -> Option<Packing> {
    match start {
        [0x1f, 0x8b, ..] => Some(Packing::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
        // The level, then the magic of a block or, for no bytes at all, of the end.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, ..] => Some(Packing::Bzip2),
        _ => None,
    }
}

/// The bytes that packed ones hold, of all members; `None` where they are not packed.
fn unpack(bytes: &[u8], path: &Path) -> Result<Option<Vec<u8>>> {
    let Some(packing) = packing(bytes) else { return Ok(None) };
    let most = most_unpacked(bytes.len() as u64);
    let mut plain = Vec::new();
    let outcome = packing.unpacking(bytes).and_then(|reader| {
        reader.take(most + 1).read_to_end(&mut plain).map_err(|e| e.to_string())
    });
    outcome.map_err(|reason| packing.refusal(path, &reason))?;
    if plain.len() as u64 > most {
        return Err(packing.too_much(path, bytes.len() as u64, most));
    }
    Ok(Some(plain))
}

/// Why a packed file is not read, where the crate that could was left out.
#[cfg_attr(feature = "compression", allow(dead_code))]
const NOT_BUILT_IN: &str = "not built in";

/// Bytes that a packed file of so many may become.
pub(super) fn most_unpacked(packed: u64) -> u64 {
    packed.saturating_mul(MOST_UNPACKED).max(ALWAYS_UNPACKED)
}

#[cfg(feature = "compression")]
fn unpacking_zstd<'r>(reader: impl BufRead + 'r) -> Box<dyn Read + 'r> {
    Box::new(ZstdFrames { next: Some(reader), frame: None })
}

#[cfg(feature = "compression")]
fn unpacking_bzip2<'r>(reader: impl BufRead + 'r) -> Box<dyn Read + 'r> {
    Box::new(bzip2::read::MultiBzDecoder::new(reader))
}

/// What packed frames hold, one behind the other.
#[cfg(feature = "compression")]
struct ZstdFrames<R: BufRead> {
    /// What is behind the frame that is read, where none is.
    next: Option<R>,
    frame: Option<ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
}

#[cfg(feature = "compression")]
impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(bytes)?;
                if read > 0 || bytes.is_empty() {
                    return Ok(read);
                }
                self.next = self.frame.take().map(|frame| frame.into_inner());
            }
            let Some(mut reader) = self.next.take() else { return Ok(0) };
            if reader.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let frame = ruzstd::decoding::StreamingDecoder::new(reader);
            self.frame = Some(frame.map_err(|e| std::io::Error::other(e.to_string()))?);
        }
    }
}

/// What bytes of UTF-16 say in UTF-8, where their byte order mark tells them; Windows' "Unicode
/// text" is written so.
fn from_utf16(bytes: &[u8], path: &Path) -> Result<Option<Vec<u8>>> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        // UTF-32's mark begins as UTF-16's.
        [0xff, 0xfe, 0, 0, ..] => {
            return Err(Error::data(
                path,
                "this is UTF-32; convert the file, for example with iconv -t UTF-8",
            ));
        }
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ if is_unmarked_utf16(bytes) => {
            return Err(Error::data(
                path,
                "it looks like UTF-16 without a byte order mark; convert the file, for example with iconv -f UTF-16LE -t UTF-8",
            ));
        }
        _ => return Ok(None),
    };
    let units = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: std::result::Result<String, _> = char::decode_utf16(units).collect();
    match (text, bytes.len().is_multiple_of(2)) {
        (Ok(text), true) => Ok(Some(text.into_bytes())),
        _ => Err(Error::data(
            path,
            "its mark says UTF-16, but it is none; convert the file, for example with iconv -t UTF-8",
        )),
    }
}

/// Whether bytes begin with eight characters of ASCII in two bytes each.
pub(super) fn is_unmarked_utf16(bytes: &[u8]) -> bool {
    let is_text = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let is = |zero: usize| {
        let mut units = bytes[..16].chunks_exact(2);
        units.all(|unit| unit[zero] == 0 && is_text(unit[1 - zero]))
    };
    bytes.len() >= 16 && (is(0) || is(1))
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("packed");
        encoder.finish().expect("packed")
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        encoder.write_all(bytes).expect("packed");
        encoder.finish().expect("packed")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        ruzstd::encoding::compress_to_vec(bytes, level)
    }

    fn read(name: &str, bytes: &[u8]) -> Result<ByteSource> {
        ByteSource::of(Path::new(name), bytes.to_vec())
    }

    #[test]
    fn packed_bytes_are_unpacked_member_by_member() {
        let two = [gzip(b"one,"), gzip(b"two")].concat();
        let source = read("A.CSV.gz", &two).expect("gzip");
        assert_eq!((&source.bytes[..], &source.extension[..]), (&b"one,two"[..], "csv"));
        let cut = read("a.gz", &two[..two.len() - 9]).expect_err("cut short");
        assert!(cut.to_string().contains("not a complete gzip"), "{cut}");
    }

    /// Whoever reads files reads packed ones: rows, pictures of IDX files and vectors, whichever way they are packed.
    #[test]
    fn every_packing_is_read_wherever_files_are() {
        // Long enough that no first 512 bytes hold a whole block of it.
        let pixels: Vec<u8> =
            (0..50_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut idx = vec![0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 100, 0, 0, 0, 100];
        idx.extend(pixels);
        for pack in [gzip, bzip2, zstd] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("images");
            std::fs::write(&path, pack(&idx)).expect("written");
            assert_eq!(crate::data::content(&path), crate::data::Content::Images);
            assert_eq!(crate::data::read_idx(&path).expect("read").dimensions, [5, 100, 100]);
            std::fs::write(&path, pack(b"2 2\none 1 2\ntwo 3 4\n")).expect("written");
            let read = crate::data::read_word_vectors(&path, &mut |_| true).expect("read");
            assert_eq!((read.units, read.words), (2, vec!["one".to_owned(), "two".to_owned()]));
        }
    }

    #[test]
    fn bzip2_and_zstd_are_unpacked() {
        let packed = bzip2(b"one");
        let two = [&packed[..], &packed].concat();
        assert_eq!(read("a.bz2", &two).expect("bzip2").bytes, b"oneone");
        assert!(read("a.bz2", &packed[..packed.len() - 3]).is_err());
        let packed = zstd(b"three times three");
        let two = [&packed[..], &packed].concat();
        assert_eq!(read("a.zst", &two).expect("zstd").bytes, b"three times threethree times three");
        assert!(read("a.zst", &packed[..packed.len() - 3]).is_err());
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        let bomb = gzip(&vec![0; 40 << 20]);
        let error = read("bomb.gz", &bomb).expect_err("a bomb").to_string();
        assert!(error.contains("unpack it first"), "{error}");
    }

    #[test]
    fn utf16_without_a_mark_is_refused_rather_than_read_as_one_word() {
        let text = "label,text\npos,good\n";
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(unit).collect();
            let message = read("a.csv", &bytes).expect_err("refused").to_string();
            assert!(message.contains("UTF-16 without a byte order mark"), "{message}");
        }
        assert!(read("a.csv", text.as_bytes()).is_ok());
    }

    #[test]
    fn marks_are_taken_off_and_utf16_becomes_utf8() {
        assert_eq!(read("a.csv", b"\xef\xbb\xbfa").expect("utf-8").bytes, b"a");
        let little = [
            &b"\xff\xfe"[..],
            &"aé\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
        ]
        .concat();
        assert_eq!(read("a.csv", &little).expect("utf-16").bytes, "aé\n".as_bytes());
        let big = [
            &b"\xfe\xff"[..],
            &"aé\n".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>(),
        ]
        .concat();
        assert_eq!(read("a.csv", &big).expect("utf-16").bytes, "aé\n".as_bytes());
        assert!(read("a.csv", &little[..5]).is_err());
    }
}
