//! A file of rows that is read in blocks, as often as it takes: larger than memory, packed or not. Each block is a
//! [`ByteSource`] of whole rows that knows what came before it, so that the readers of whole files read it, and name its
//! lines by the file's numbers.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::account::Account;
use super::examples::TextColumns;
use super::format::Format;
use super::separated::{SEMICOLONS, Scan, Tabs, separator_of};
use super::source::{
    Before, ByteSource, Head, Packing, extension, is_unmarked_utf16, most_unpacked, packing,
};
use super::table::{TableColumns, format_of, is_header};
use crate::error::{Error, Result};

/// Bytes of a row at most: one that is longer is a quote or a line that does not end.
const LONGEST_ROW: usize = 256 << 20;

/// Bytes that are looked at, at least, to tell how a file is written.
const BEGINNING: usize = 1 << 20;

/// A file that is read in blocks, and what was found out about it once.
#[derive(Debug)]
pub struct BlockFile {
    path: PathBuf,
    packing: Option<Packing>,
    /// How its rows lie.
    pub format: Format,
    head: Option<Head>,
    /// How the file was read, where it could have been meant otherwise.
    pub warnings: Vec<String>,
    /// Bytes, packed as they are, and when they were written: the same whenever it is read.
    state: (u64, Option<SystemTime>),
    block: usize,
}

impl BlockFile {
    /// Looks at a file of texts, to be read in blocks of about so many bytes.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, [`Error::Usage`] when it is a pipe or a file of a kind that has no blocks,
    /// [`Error::Data`] when it is not what it seems.
    pub fn of_texts(path: &Path, columns: &TextColumns, block: usize) -> Result<BlockFile> {
        let (mut file, first) = BlockFile::begin(path, block)?;
        file.format = Format::of(&first, columns.format, &columns.names())?;
        if file.format == Format::Jsonl && first.bytes.trim_ascii_start().starts_with(b"[") {
            return Err(Error::data(
                path,
                "a JSON array is not read in blocks; write one object a line",
            ));
        }
        if matches!(file.format, Format::Csv | Format::Tsv) {
            let separator = separator_of(&first, file.format, columns.no_header);
            file.find_head(&first, separator, |_, _| Ok(!columns.no_header))?;
        }
        Ok(file)
    }

    /// Looks at a table, to be read in blocks of about so many bytes.
    ///
    /// # Errors
    /// As [`BlockFile::of_texts`].
    pub fn of_table(path: &Path, wanted: &TableColumns, block: usize) -> Result<BlockFile> {
        let (mut file, first) = BlockFile::begin(path, block)?;
        file.format = format_of(&first, wanted)?;
        let separator = separator_of(&first, file.format, false);
        file.find_head(&first, separator, |names, account| is_header(names, wanted, account))?;
        Ok(file)
    }

    /// The beginning of a file, as lines.
    ///
    /// # Errors
    /// As [`BlockFile::of_texts`].
    pub fn start(path: &Path) -> Result<ByteSource> {
        BlockFile::begin(path, 0).map(|(_, first)| first)
    }

    /// A file to be read in blocks, and its beginning, as lines: enough to see by how fields lie.
    fn begin(path: &Path, block: usize) -> Result<(BlockFile, ByteSource)> {
        let state = state(path)?;
        let mut start = Vec::new();
        let read = open(path)?.take(16).read_to_end(&mut start);
        read.map_err(|e| Error::file("read", path, e))?;
        let mut file = BlockFile {
            path: path.to_owned(),
            packing: packing(&start),
            format: Format::Lines,
            head: None,
            warnings: Vec::new(),
            state,
            block: block.max(BEGINNING),
        };
        let first = file.blocks()?.next().transpose()?;
        let first = match first {
            Some(first) => first,
            None => ByteSource::of(path, Vec::new())?,
        };
        let is = |mark: &[u8]| first.bytes.starts_with(mark);
        if is(&[0xff, 0xfe]) || is(&[0xfe, 0xff]) || is_unmarked_utf16(&first.bytes) {
            return Err(Error::data(
                path,
                "it is UTF-16, which is not read in blocks; convert it, for example with iconv -t UTF-8",
            ));
        }
        file.block = block.max(1);
        Ok((file, first))
    }

    /// How the fields lie, as the first block says; what quotes of a tab-separated file are, as the whole file does.
    fn find_head(
        &mut self,
        first: &ByteSource,
        separator: u8,
        is_header: impl FnOnce(&[String], &mut Account) -> Result<bool>,
    ) -> Result<()> {
        let mut quoting = true;
        if separator == b'\t' {
            let (mut scan, mut tabs, mut are_even) = (Scan::new(separator), Tabs::default(), true);
            for block in self.blocks()? {
                let block = block?;
                scan.take(&block.bytes);
                are_even = tabs.are_even(&block.bytes);
            }
            let (is, said) = scan.quoting(&self.path, || are_even)?;
            quoting = is;
            self.warnings.extend(said);
        }
        if separator == b';' {
            self.warnings.push(SEMICOLONS.into());
        }
        let mut account = Account::default();
        let is_header = |names: &[String]| is_header(names, &mut account);
        self.head = Some(Head::read(first, separator, quoting, is_header)?);
        self.warnings.append(&mut account.warnings);
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its blocks, from the first.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, [`Error::Data`] when it is not the file that it was.
    pub fn blocks(&self) -> Result<Blocks<'_>> {
        if state(&self.path)? != self.state {
            return Err(Error::data(
                &self.path,
                "the file was written to while it was read; start again when it is whole",
            ));
        }
        Ok(Blocks {
            file: self,
            reader: self.reader()?,
            rest: Vec::new(),
            lines: 0,
            is_over: false,
        })
    }

    /// Its bytes, unpacked.
    fn reader(&self) -> Result<Box<dyn Read>> {
        let file = BufReader::with_capacity(1 << 16, open(&self.path)?);
        let Some(packing) = self.packing else { return Ok(Box::new(file)) };
        let reader = packing.unpacking(file).map_err(|e| packing.refusal(&self.path, &e))?;
        Ok(Box::new(Bounded { reader, left: most_unpacked(self.state.0) }))
    }

    /// Reads until there are `most` bytes, and says whether these are the last.
    fn fill(&self, reader: &mut dyn Read, bytes: &mut Vec<u8>, most: usize) -> Result<bool> {
        let missing = most.saturating_sub(bytes.len()) as u64;
        let read = reader.take(missing).read_to_end(bytes).map_err(|e| match self.packing {
            None => Error::file("read", &self.path, e),
            Some(packing) if e.kind() == ErrorKind::FileTooLarge => {
                packing.too_much(&self.path, self.state.0, most_unpacked(self.state.0))
            }
            Some(packing) => packing.refusal(&self.path, &e.to_string()),
        })?;
        Ok((read as u64) < missing)
    }

    /// Bytes that are whole rows, at the start of a row behind so many lines.
    fn whole_rows(&self, bytes: &[u8], lines: u64) -> Result<usize> {
        match self.head.as_ref().filter(|head| head.quoting) {
            Some(head) => {
                let mut scan = Scan::new(head.separator);
                scan.take(bytes);
                match scan.fault {
                    Some(fault) => Err(fault.error(&self.path, lines)),
                    None => Ok(scan.rows_end),
                }
            }
            None => Ok(bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)),
        }
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|e| Error::file("read", path, e))
}

/// Bytes of a file, and when it was written.
fn state(path: &Path) -> Result<(u64, Option<SystemTime>)> {
    let once = |name: &dyn std::fmt::Display| {
        Error::usage(format!(
            "{name} is no file that could be read several times, as rows that do not lie in memory are; save it as a file"
        ))
    };
    if path == Path::new("-") {
        return Err(once(&"standard input"));
    }
    let found = std::fs::metadata(path).map_err(|e| Error::file("read", path, e))?;
    match found.is_file() {
        true => Ok((found.len(), found.modified().ok())),
        false => Err(once(&path.display())),
    }
}

/// What a packed file holds, up to the most that is unpacked.
struct Bounded<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(bytes)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(ErrorKind::FileTooLarge.into()),
        }
        Ok(read)
    }
}

/// The blocks of a file, one after the other.
pub struct Blocks<'f> {
    file: &'f BlockFile,
    reader: Box<dyn Read>,
    /// What was read and belongs to the next block.
    rest: Vec<u8>,
    /// Lines that were given.
    lines: u64,
    is_over: bool,
}

impl Blocks<'_> {
    fn read(&mut self) -> Result<Option<ByteSource>> {
        let (file, is_first) = (self.file, self.lines == 0);
        let mut most = file.block.max(self.rest.len() + 1);
        let end = loop {
            self.is_over = self.is_over || file.fill(&mut *self.reader, &mut self.rest, most)?;
            if is_first && self.rest.starts_with(b"\xef\xbb\xbf") {
                self.rest.drain(..3);
            }
            if self.is_over {
                break self.rest.len();
            }
            match file.whole_rows(&self.rest, self.lines)? {
                0 if most >= LONGEST_ROW => {
                    return Err(Error::line(
                        &file.path,
                        self.lines + 1,
                        format!(
                            "the row that begins here does not end within {} MB; rows end with \"\\n\", and a quoted field with a quote",
                            LONGEST_ROW >> 20
                        ),
                    ));
                }
                0 => most *= 2,
                end => break end,
            }
        };
        let rest = self.rest.split_off(end);
        let bytes = std::mem::replace(&mut self.rest, rest);
        if bytes.is_empty() {
            return Ok(None);
        }
        let before = Before { lines: self.lines, head: file.head.clone() };
        self.lines += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let (path, extension) = (file.path.clone(), extension(&file.path));
        Ok(Some(ByteSource { path, bytes, extension, before }))
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<ByteSource>;

    fn next(&mut self) -> Option<Result<ByteSource>> {
        self.read().transpose()
    }
}
