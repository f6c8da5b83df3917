//! NumPy's `.npy` files: ids or matrices of any plain number type, in C or Fortran order.
//!
//! A file is the bytes `\x93NUMPY`, a major and a minor version, the length of the header (2 bytes in
//! version 1, 4 in versions 2 and 3, little endian), the header, and the numbers. The header is a Python
//! dictionary: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, padded with spaces and
//! ended by a line feed, so that the numbers begin at a multiple of 64 bytes. ByteSource: NumPy's
//! `numpy/lib/format.py` (NEP 1).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::npz;
use super::source::ByteSource;
use crate::error::{Error, Result};

/// What a part of a file says, or what is wrong with it.
pub(super) type Parsed<T> = std::result::Result<T, String>;

/// An array of a `.npy` file as a matrix: its first axis are rows, the others one row's elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Row by row; integers up to 2^53 are exact.
    pub values: Vec<f64>,
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// Lengths of all axes.
    pub shape: Vec<usize>,
    /// Whether the file's type is an integer's: ids rather than features.
    pub is_integer: bool,
    /// Whether the file's type is that of a byte: a picture's values reach to 255.
    pub is_byte: bool,
}

/// The first bytes of every `.npy` file.
const MAGIC: &[u8] = b"\x93NUMPY";

/// The numbers begin at a multiple of this, as NumPy writes them.
const ALIGNMENT: usize = 64;

/// What a header says.
#[derive(Debug, Default, PartialEq)]
struct Header {
    /// Byte order, kind and size, as in `<f4`.
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// Reads a `.npy` file of numbers: booleans, integers of 1 to 8 bytes, reals of 4 or 8 bytes, in
/// either byte order. A Fortran-ordered matrix is transposed, so that rows lie one behind the other.
///
/// # Errors
/// [`Error::File`] when it cannot be read, [`Error::Data`] when it is no array of numbers or not as
/// long as its header says.
pub fn read_npy(path: &Path) -> Result<Array> {
    read_array(path, None)
}

/// Reads a `.npy` file, or the array of that name of a `.npz` file: its only one without a name. `-` is standard
/// input, packed files are unpacked, and a path may name an array itself: `mnist.npz/x_train`.
///
/// # Errors
/// As [`read_npy`]; [`Error::Data`] names the arrays where the name is none of theirs.
pub fn read_array(path: &Path, name: Option<&str>) -> Result<Array> {
    let source = ByteSource::read(path)?;
    let bytes = match source.bytes.starts_with(b"PK") {
        true => npz::member(&source.bytes, name)
            .map_err(|message| Error::data(source.path(), message))?,
        false => source.bytes,
    };
    parse(&bytes).map_err(|message| Error::data(&source.path, message))
}

/// The names of the arrays of a `.npz` file, in its order; none for a `.npy` file, whose array has no name.
///
/// # Errors
/// As [`read_npy`].
pub fn array_names(path: &Path) -> Result<Vec<String>> {
    let source = ByteSource::read(path)?;
    match source.bytes.starts_with(b"PK") {
        true => npz::names(&source.bytes).map_err(|message| Error::data(source.path(), message)),
        false => Ok(Vec::new()),
    }
}

/// What a header says of the numbers behind it.
#[derive(Clone, Debug)]
struct Numbers {
    shape: Vec<usize>,
    rows: usize,
    width: usize,
    /// Bytes of a number.
    size: usize,
    read: ReadNumber,
    fortran_order: bool,
    is_integer: bool,
    is_byte: bool,
}

fn cut_short(what: &str) -> String {
    format!("this is not a complete .npy file ({what}); write it again with numpy.save")
}

impl Numbers {
    fn of(header: Header) -> Parsed<Numbers> {
        let Header { descr, fortran_order, shape } = header;
        let (size, read) = number(&descr)?;
        let too_large = || cut_short(&format!("its shape {shape:?} is larger than any file"));
        let product =
            |axes: &[usize]| axes.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
        let rows = shape.first().copied().unwrap_or(1);
        let width = product(shape.get(1..).unwrap_or_default()).ok_or_else(too_large)?;
        rows.checked_mul(width).and_then(|count| count.checked_mul(size)).ok_or_else(too_large)?;
        let is_integer = matches!(descr.as_bytes()[1], b'i' | b'u');
        let is_byte = &descr.as_bytes()[1..] == b"u1";
        Ok(Numbers { shape, rows, width, size, read, fortran_order, is_integer, is_byte })
    }

    /// Checks that so many bytes are all of the numbers, and that these make rows.
    fn check(&self, bytes: u64) -> Parsed<()> {
        let Numbers { shape, rows, width, size, .. } = self;
        let length = rows * width * size;
        if bytes != length as u64 {
            return Err(cut_short(&format!(
                "its header says {shape:?} numbers of {size} bytes, {length} bytes in all, but {bytes} bytes follow"
            )));
        }
        if *rows > 0 && *width == 0 {
            return Err(format!(
                "the shape {shape:?} has rows without a number; save rows of at least one"
            ));
        }
        if self.fortran_order && shape.len() > 2 {
            return Err(
                "a Fortran-ordered array of more than two axes; save it with numpy.ascontiguousarray"
                    .into(),
            );
        }
        Ok(())
    }

    /// Some of the rows, from their bytes, in C order.
    fn array(&self, bytes: &[u8]) -> Array {
        let values: Vec<f64> = bytes.chunks_exact(self.size).map(self.read).collect();
        let rows = values.len() / self.width.max(1);
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = rows;
        }
        let Numbers { width, is_integer, is_byte, .. } = *self;
        Array { values, rows, width, shape, is_integer, is_byte }
    }
}

/// The array that the bytes of a `.npy` file hold, or what is wrong with them.
fn parse(bytes: &[u8]) -> Parsed<Array> {
    let (header, data) = split_header(bytes).map_err(|what| cut_short(&what))?;
    let numbers = Numbers::of(read_header(header).map_err(|what| cut_short(&what))?)?;
    numbers.check(data.len() as u64)?;
    let (rows, width, shape) = (numbers.rows, numbers.width, numbers.shape.clone());
    let mut array = Array { rows, shape, ..numbers.array(data) };
    if numbers.fortran_order && array.shape.len() == 2 {
        let values = &array.values;
        array.values = (0..rows * width).map(|i| values[i % width * rows + i / width]).collect();
    }
    Ok(array)
}

/// A `.npy` file that is read row by row, as often as it takes: larger than memory.
#[derive(Debug)]
pub(crate) struct ArrayFile {
    path: PathBuf,
    numbers: Numbers,
    /// Where the numbers begin.
    start: u64,
}

impl ArrayFile {
    /// Looks at a file's header.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read; [`Error::Data`] when it is packed, an archive, in Fortran's order, or not
    /// as long as its header says.
    pub fn open(path: &Path) -> Result<ArrayFile> {
        let failed = |e| Error::file("read", path, e);
        let wrong = |message: String| Error::data(path, message);
        let mut file = File::open(path).map_err(failed)?;
        let mut start = Vec::new();
        // A header is as long as its shape has axes; NumPy refuses longer ones too.
        file.by_ref().take(1 << 16).read_to_end(&mut start).map_err(failed)?;
        if !start.starts_with(MAGIC) {
            return Err(wrong(
                "rows that do not lie in memory are read from a .npy file that is not packed; save it with numpy.save"
                    .into(),
            ));
        }
        let (header, rest) = split_header(&start).map_err(|what| wrong(cut_short(&what)))?;
        let begin = (start.len() - rest.len()) as u64;
        let header = read_header(header).map_err(|what| wrong(cut_short(&what)))?;
        let numbers = Numbers::of(header).map_err(wrong)?;
        let length = file.metadata().map_err(failed)?.len();
        numbers.check(length.saturating_sub(begin)).map_err(wrong)?;
        if numbers.rows == 0 || numbers.width == 0 {
            return Err(wrong("the array is empty; give rows of at least one element".into()));
        }
        if numbers.fortran_order && numbers.shape.len() > 1 {
            return Err(wrong(
                "its columns lie one behind the other (Fortran's order), so that its rows cannot be read one by one; save it with numpy.ascontiguousarray"
                    .into(),
            ));
        }
        Ok(ArrayFile { path: path.to_owned(), numbers, start: begin })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.numbers.rows
    }

    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.numbers.width * self.numbers.size
    }

    /// Rows, of which the first is in this place.
    ///
    /// # Errors
    /// [`Error::File`] when they cannot be read.
    pub fn read(&self, rows: std::ops::Range<usize>) -> Result<Array> {
        let mut bytes = vec![0; rows.len() * self.row_bytes()];
        let place = self.start + rows.start as u64 * self.row_bytes() as u64;
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(place))?;
            file.read_exact(&mut bytes)
        });
        read.map_err(|e| Error::file("read", &self.path, e))?;
        Ok(self.numbers.array(&bytes))
    }
}

/// The header and what follows it.
fn split_header(bytes: &[u8]) -> Parsed<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("wrong magic bytes")?;
    let cut = "its header is cut short";
    let (length, rest) = match *rest {
        [1, 0, a, b, ref rest @ ..] => (u16::from_le_bytes([a, b]) as usize, rest),
        [2 | 3, 0, a, b, c, d, ref rest @ ..] => (u32::from_le_bytes([a, b, c, d]) as usize, rest),
        [1..=3, 0, ..] => return Err(cut.into()),
        [major, minor, ..] => {
            return Err(format!(
                "its format has the version {major}.{minor}; versions 1.0 to 3.0 are read"
            ));
        }
        _ => return Err(cut.into()),
    };
    rest.split_at_checked(length).ok_or_else(|| {
        format!("its header should have {length} bytes, but {} bytes follow", rest.len())
    })
}

/// Reads a header's dictionary, key by key; nothing in it nests deeper than the shape.
fn read_header(bytes: &[u8]) -> Parsed<Header> {
    let text = std::str::from_utf8(bytes).map_err(|_| "its header is not UTF-8")?;
    let mut scan = Scan { rest: text };
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    scan.expect('{')?;
    while !scan.take('}') {
        let key = scan.string()?;
        scan.expect(':')?;
        match key {
            "descr" => descr = Some(scan.string()?.to_owned()),
            "fortran_order" => {
                fortran_order = Some(match scan.word() {
                    "True" => true,
                    "False" => false,
                    other => return Err(format!("its fortran_order is \"{other}\"")),
                });
            }
            "shape" => shape = Some(scan.shape()?),
            other => return Err(format!("its header has an unknown key \"{other}\"")),
        }
        if !scan.take(',') {
            scan.expect('}')?;
            break;
        }
    }
    if !scan.rest.trim().is_empty() {
        return Err("something follows the dictionary in its header".into());
    }
    let missing = |key: &str| format!("its header has no {key}");
    Ok(Header {
        descr: descr.ok_or_else(|| missing("descr"))?,
        fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

/// What is left of a header.
struct Scan<'h> {
    rest: &'h str,
}

impl<'h> Scan<'h> {
    /// Takes `wanted` where it comes next, behind white space.
    fn take(&mut self, wanted: char) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, wanted: char) -> Parsed<()> {
        match self.take(wanted) {
            true => Ok(()),
            false => Err(match self.rest.chars().next() {
                Some(found) => format!("its header has \"{found}\" where \"{wanted}\" belongs"),
                None => format!("its header ends where \"{wanted}\" belongs"),
            }),
        }
    }

    /// A string between single or double quotes; those of headers hold no escapes.
    fn string(&mut self) -> Parsed<&'h str> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('[') {
            return Err("a structured array, but a plain array of numbers is read".into());
        }
        let quote = if self.rest.starts_with('"') { '"' } else { '\'' };
        self.expect(quote)?;
        let (text, rest) =
            self.rest.split_once(quote).ok_or("a string in its header has no end")?;
        self.rest = rest;
        Ok(text)
    }

    /// Letters and digits.
    fn word(&mut self) -> &'h str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Whole numbers between brackets; Python 2 wrote an L behind them.
    fn shape(&mut self) -> Parsed<Vec<usize>> {
        let close = if self.take('[') { ']' } else { ')' };
        if close == ')' {
            self.expect('(')?;
        }
        let mut shape = Vec::new();
        while !self.take(close) {
            let word = self.word();
            let axis = word.strip_suffix('L').unwrap_or(word).parse();
            shape.push(axis.map_err(|_| {
                let found = self.rest.chars().next().filter(|_| word.is_empty());
                let found = found.map_or(word.to_owned(), String::from);
                format!("its shape holds \"{found}\", which is not a length")
            })?);
            if !self.take(',') {
                self.expect(close)?;
                break;
            }
        }
        Ok(shape)
    }
}

/// Reads one number from its bytes.
type ReadNumber = fn(&[u8]) -> f64;

/// Bytes of a number of a type, and what reads one.
fn number(descr: &str) -> Parsed<(usize, ReadNumber)> {
    macro_rules! reader {
        ($type:ty, $from:ident) => {
            (size_of::<$type>(), |bytes: &[u8]| {
                // Called with as many bytes as the type has.
                <$type>::$from(bytes.try_into().unwrap_or_default()) as f64
            })
        };
    }
    let native = if cfg!(target_endian = "big") { ">" } else { "<" };
    let (order, kind) = descr.split_at_checked(1).unwrap_or_default();
    let order = if order == "=" { native } else { order };
    Ok(match (order, kind) {
        ("<" | ">" | "|", "b1") => (1, |bytes| f64::from(bytes[0] != 0)),
        ("<" | ">" | "|", "i1") => reader!(i8, from_le_bytes),
        ("<" | ">" | "|", "u1") => reader!(u8, from_le_bytes),
        ("<", "i2") => reader!(i16, from_le_bytes),
        (">", "i2") => reader!(i16, from_be_bytes),
        ("<", "i4") => reader!(i32, from_le_bytes),
        (">", "i4") => reader!(i32, from_be_bytes),
        ("<", "i8") => reader!(i64, from_le_bytes),
        (">", "i8") => reader!(i64, from_be_bytes),
        ("<", "u2") => reader!(u16, from_le_bytes),
        (">", "u2") => reader!(u16, from_be_bytes),
        ("<", "u4") => reader!(u32, from_le_bytes),
        (">", "u4") => reader!(u32, from_be_bytes),
        ("<", "u8") => reader!(u64, from_le_bytes),
        (">", "u8") => reader!(u64, from_be_bytes),
        ("<", "f4") => reader!(f32, from_le_bytes),
        (">", "f4") => reader!(f32, from_be_bytes),
        ("<", "f8") => reader!(f64, from_le_bytes),
        (">", "f8") => reader!(f64, from_be_bytes),
        _ => {
            return Err(format!(
                "numbers of type \"{descr}\" are not read; save them as float32 or int64"
            ));
        }
    })
}

/// The bytes of a `.npy` file of float32 with these axes.
///
/// # Errors
/// [`Error::Model`] when the values are not as many as the axes say.
pub fn npy_bytes(values: &[f32], shape: &[usize]) -> Result<Vec<u8>> {
    let count = shape.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
    if count != Some(values.len()) {
        return Err(Error::Model(format!(
            "the .npy file cannot be written: {} values do not fill the shape {shape:?}",
            values.len()
        )));
    }
    let axes: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({axes}), }}");
    let before = MAGIC.len() + 4;
    let length = (before + header.len() + 1).next_multiple_of(ALIGNMENT) - before;
    header += &" ".repeat(length - header.len() - 1);
    header.push('\n');
    let length = u16::try_from(length).map_err(|_| {
        Error::Model(format!("the .npy file cannot be written: {} axes are too many", shape.len()))
    })?;
    let mut bytes = [MAGIC, &[1, 0], &length.to_le_bytes(), header.as_bytes()].concat();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    Ok(bytes)
}

impl Array {
    /// The values as ids.
    ///
    /// # Errors
    /// [`Error::Data`] names the first value that is not an id.
    pub fn into_ids(self, path: &Path) -> Result<Vec<u32>> {
        self.into_ids_behind(0, path)
    }

    /// As [`Array::into_ids`], of rows behind so many others of the file.
    pub(crate) fn into_ids_behind(self, before: usize, path: &Path) -> Result<Vec<u32>> {
        let width = self.width.max(1);
        let convert = |(i, value): (usize, f64)| {
            if value >= 0.0 && value <= u32::MAX as f64 && value.fract() == 0.0 {
                return Ok(value as u32);
            }
            Err(Error::Data {
                place: format!(
                    "{}, row {}, position {}",
                    path.display(),
                    before + i / width + 1,
                    i % width + 1
                ),
                message: format!(
                    "{value} is not an id; ids are whole numbers from 0 to 4294967295"
                ),
            })
        };
        self.values.into_iter().enumerate().map(convert).collect()
    }

    /// The values in single precision.
    pub fn into_reals(self) -> Vec<f32> {
        self.values.into_iter().map(|value| value as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a file with this header.
    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[version, 0]].concat();
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    }

    /// A file of version 1 with this type, order and shape.
    fn array(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Parsed<Array> {
        let order = if fortran { "True" } else { "False" };
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        parse(&file(1, &header, data))
    }

    fn values(descr: &str, data: &[u8]) -> Vec<f64> {
        let size = descr[2..].parse::<usize>().expect("a size");
        array(descr, false, &format!("({},)", data.len() / size), data).expect("numbers").values
    }

    #[test]
    fn every_number_type_is_read_in_both_byte_orders() {
        assert_eq!(values("|b1", &[0, 1, 2]), [0.0, 1.0, 1.0]);
        assert_eq!(values("|i1", &[0xff, 0x7f]), [-1.0, 127.0]);
        assert_eq!(values("|u1", &[0xff, 0x7f]), [255.0, 127.0]);
        let ends = |little: &[u8], kind: &str, expected: f64| {
            let big: Vec<u8> = little.iter().rev().copied().collect();
            assert_eq!(values(&format!("<{kind}"), little), [expected], "<{kind}");
            assert_eq!(values(&format!(">{kind}"), &big), [expected], ">{kind}");
        };
        ends(&[0xfe, 0xff], "i2", -2.0);
        ends(&[0xfe, 0xff], "u2", 65534.0);
        ends(&[0xfe, 0xff, 0xff, 0xff], "i4", -2.0);
        ends(&[0xfe, 0xff, 0xff, 0xff], "u4", 4294967294.0);
        ends(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "i8", -2.0);
        ends(&[0, 0, 0, 0, 0, 0, 0, 0x80], "u8", 9223372036854775808.0);
        // 0x3fc00000 is 1.5 in single precision, 0xc004000000000000 is -2.5 in double.
        ends(&[0, 0, 0xc0, 0x3f], "f4", 1.5);
        ends(&[0, 0, 0, 0, 0, 0, 4, 0xc0], "f8", -2.5);
        for descr in ["<f2", ">f2", "<f16", "<c8", "|S3", "<U4", "|O", "|f4", "?f4", "<", "", "é"]
        {
            let message = array(descr, false, "(1,)", &[0; 16]).expect_err(descr);
            assert!(message.contains("not read") && message.contains(descr), "{message}");
        }
    }

    #[test]
    fn integers_are_told_from_reals() {
        let is_integer = |descr| array(descr, false, "(0,)", &[]).expect("no number").is_integer;
        assert!(is_integer("<i8") && is_integer("|u1"));
        assert!(!is_integer("<f4") && !is_integer("|b1"));
        let is_byte =
            |descr: &str, data: &[u8]| array(descr, false, "(1,)", data).expect("an array").is_byte;
        assert!(is_byte("|u1", &[1]) && !is_byte("|i1", &[1]) && !is_byte("<u2", &[1, 0]));
    }

    #[test]
    fn a_fortran_ordered_matrix_is_transposed() {
        // [[1, 2, 3], [4, 5, 6]], column by column.
        let read = array("|u1", true, "(2, 3)", &[1, 4, 2, 5, 3, 6]).expect("a matrix");
        assert_eq!(read.values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!((read.rows, read.width, &read.shape[..]), (2, 3, &[2, 3][..]));
        // One axis has one order; three axes are refused.
        let read = array("|u1", true, "(3,)", &[1, 2, 3]).expect("a vector");
        assert_eq!(read.values, [1.0, 2.0, 3.0]);
        let message = array("|u1", true, "(1, 2, 1)", &[1, 2]).expect_err("three axes");
        assert!(message.contains("ascontiguousarray"), "{message}");
    }

    #[test]
    fn axes_behind_the_first_make_a_row() {
        let read = array("|u1", false, "(2, 2, 3)", &[7; 12]).expect("three axes");
        assert_eq!((read.rows, read.width, &read.shape[..]), (2, 6, &[2, 2, 3][..]));
        let read = array("|u1", false, "()", &[7]).expect("a number");
        assert_eq!((read.rows, read.width, read.values), (1, 1, vec![7.0]));
        let read = array("|u1", false, "(0, 4)", &[]).expect("no row");
        assert_eq!((read.rows, read.width), (0, 4));
        assert!(array("|u1", false, "(4, 0)", &[]).expect_err("no column").contains("[4, 0]"));
    }

    #[test]
    fn all_versions_and_ways_to_write_a_header_are_read() {
        let expected = array("<i2", false, "(2,)", &[1, 0, 2, 0]).expect("an array");
        for header in [
            "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }     \n",
            "{'shape':(2,),'fortran_order':False,'descr':'<i2'}",
            "{\"descr\": \"<i2\", \"shape\": [2], \"fortran_order\": False}",
            "  { 'descr' : '<i2' , 'fortran_order' : False , 'shape' : ( 2L , ) , } ",
        ] {
            for version in 1..=3 {
                assert_eq!(parse(&file(version, header, &[1, 0, 2, 0])).as_ref(), Ok(&expected));
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        let fails = |bytes: &[u8], words: &[&str]| {
            let message = parse(bytes).expect_err("a broken file");
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        };
        let good = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }";
        fails(b"", &["magic"]);
        fails(b"PK\x03\x04", &["magic"]);
        fails(&MAGIC[..5], &["magic"]);
        fails(MAGIC, &["cut short"]);
        fails(&[MAGIC, &[1, 0, 7]].concat(), &["cut short"]);
        fails(&[MAGIC, &[3, 0, 7, 0, 0]].concat(), &["cut short"]);
        fails(&file(4, good, &[0; 12]), &["version 4.0"]);
        // 4 GB of header, of which 9 bytes are there.
        let long = [MAGIC, &[2, 0, 0xff, 0xff, 0xff, 0xff], b"{'descr':"].concat();
        fails(&long, &["4294967295 bytes", "9 bytes follow"]);
        fails(&file(1, good, &[0; 11]), &["[2, 3]", "12 bytes in all", "11 bytes follow"]);
        fails(&file(1, good, &[0; 13]), &["12 bytes in all", "13 bytes follow"]);
        let nested = format!("{{'descr': {}", "[".repeat(60_000));
        fails(&file(1, &nested, &[]), &["structured"]);
        let nested = good.replace("(2, 3)", &"(".repeat(60_000));
        fails(&file(1, &nested, &[]), &["its shape holds \"(\""]);
        for (from, to, word) in [
            ("{", "", "\"{\" belongs"),
            (", }", "", "ends where \"}\""),
            (", }", "} 1", "follows the dictionary"),
            ("'descr'", "'descr", "\"<\""),
            ("'<i2'", "2", "\"2\""),
            ("'shape'", "'form'", "unknown key \"form\""),
            (", 'shape': (2, 3)", "", "no shape"),
            ("'fortran_order': False, ", "", "no fortran_order"),
            ("'descr': '<i2', ", "", "no descr"),
            ("False", "0", "\"0\""),
            ("(2, 3)", "(2 3)", "\"3\""),
            ("(2, 3)", "(-2, 3)", "\"-\""),
            ("(2, 3)", "(2, x)", "\"x\""),
            ("(2, 3)", "6", "\"6\""),
            ("(2, 3)", "(99999999999999999999,)", "99999999999999999999"),
            ("(2, 3)", "(1, 4611686018427387905, 4)", "larger than any file"),
            ("(2, 3)", "(4611686018427387905, 4)", "larger than any file"),
            ("(2, 3)", "(4611686018427387905, 2)", "larger than any file"),
        ] {
            assert!(good.contains(from));
            fails(&file(1, &good.replacen(from, to, 1), &[0; 12]), &[word]);
        }
        fails(&file(1, "{'descr': '<\u{e9}", &[]), &["no end"]);
        let mut bytes = file(1, good, &[0; 12]);
        bytes[12] = 0xff;
        fails(&bytes, &["UTF-8"]);
    }

    #[test]
    fn the_bytes_written_are_these() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, ), }";
        let mut expected = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        expected.extend(format!("{header:<117}\n").bytes());
        assert_eq!(expected.len(), 128);
        expected.extend([0, 0, 0xc0, 0x3f, 0, 0, 0x80, 0xbf]);
        assert_eq!(npy_bytes(&[1.5, -1.0], &[1, 2]).expect("bytes"), expected);
        for shape in [&[3][..], &[1, 3], &[3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]] {
            let bytes = npy_bytes(&[1.0, -2.5, 3.0], shape).expect("bytes");
            assert_eq!((bytes.len() - 12) % 64, 0);
            let read = parse(&bytes).expect("what was written");
            assert_eq!((&read.values[..], &read.shape[..]), (&[1.0, -2.5, 3.0][..], shape));
        }
        assert!(npy_bytes(&[1.0], &[2]).is_err() && npy_bytes(&[], &[usize::MAX, 2]).is_err());
        assert!(npy_bytes(&[1.0], &[1; 30_000]).is_err(), "a header of 90,000 bytes");
    }

    #[test]
    fn ids_are_whole_numbers_from_0_to_the_largest_of_32_bits() {
        let ids = |values: &[f64]| {
            let array = Array {
                values: values.to_vec(),
                rows: values.len() / 2,
                width: 2,
                shape: vec![values.len() / 2, 2],
                is_integer: false,
                is_byte: false,
            };
            array.into_ids(Path::new("x.npy")).map_err(|error| error.to_string())
        };
        assert_eq!(ids(&[0.0, 7.0, 4294967295.0, 1.0]), Ok(vec![0, 7, u32::MAX, 1]));
        for wrong in [-1.0, 0.5, 4294967296.0, f64::NAN] {
            let message = ids(&[1.0, 2.0, 3.0, wrong]).expect_err("not an id");
            assert!(message.contains("row 2, position 2"), "{message}");
            assert!(message.contains(&wrong.to_string()), "{message}");
        }
    }
}
