//! Word vectors in one stream: word2vec's text format (fastText's `.vec`), GloVe's, which has no first line, and word2vec's
//! binary format; packed files too.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::WordVectorTable;
use crate::data::source::packing;
use crate::error::{Error, Result};

/// Elements of a vector at most.
const MOST_UNITS: usize = 1 << 16;
/// Bytes of a word at most.
const LONGEST_WORD: usize = 1 << 16;
/// Bytes of a line at most: a word and the elements of a vector.
const LONGEST_LINE: u64 = (LONGEST_WORD + 32 * MOST_UNITS) as u64;

/// Reads the words that `wanted` says; the first where a word is there twice.
///
/// # Errors
/// [`Error::File`], and [`Error::Data`] with the line of what is no vector.
pub(crate) fn read_word_vectors(
    path: &Path,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<WordVectorTable> {
    let failed = |e| Error::file("read", path, e);
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let reader: Box<dyn Read> = match packing(file.fill_buf().map_err(failed)?) {
        Some(packing) => packing.unpacking(file).map_err(|e| packing.refusal(path, &e))?,
        None => Box::new(file),
    };
    let mut stream = Stream { path, reader: BufReader::with_capacity(1 << 20, reader), line: 0 };
    stream.read(wanted)
}

struct Stream<'a> {
    path: &'a Path,
    reader: BufReader<Box<dyn Read>>,
    line: u64,
}

impl Stream<'_> {
    fn wrong(&self, message: impl Into<String>) -> Error {
        Error::line(self.path, self.line, message)
    }

    /// The next line without its end; none at the end of the file.
    fn next_line(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        line.clear();
        let mut limited = (&mut self.reader).take(LONGEST_LINE);
        limited.read_until(b'\n', line).map_err(|e| Error::file("read", self.path, e))?;
        self.line += 1;
        if line.len() as u64 == LONGEST_LINE {
            return Err(self.wrong("this line has no end: it is no file of word vectors"));
        }
        let is_there = !line.is_empty();
        while matches!(line.last(), Some(b'\n' | b'\r' | b' ')) {
            line.pop();
        }
        Ok(is_there)
    }

    fn read(&mut self, wanted: &mut dyn FnMut(&str) -> bool) -> Result<WordVectorTable> {
        let mut line = Vec::new();
        if !self.next_line(&mut line)? {
            return Err(Error::data(self.path, "the file is empty"));
        }
        let first = String::from_utf8_lossy(&line).into_owned();
        let header: Option<Vec<usize>> = first.split(' ').map(|part| part.parse().ok()).collect();
        let mut found = Found { table: WordVectorTable::default(), seen: Default::default() };
        match header.as_deref() {
            Some(&[words, units]) => {
                if !(1..=MOST_UNITS).contains(&units) {
                    return Err(self.wrong(format!(
                        "vectors of {units} elements; a file of word vectors has 1 to {MOST_UNITS}"
                    )));
                }
                found.table.units = units;
                match self.is_binary(units)? {
                    true => self.read_binary(words, &mut found, wanted)?,
                    false => self.read_text(Some(words), &mut found, wanted)?,
                }
            }
            // Without a line of numbers first it is GloVe's.
            _ => {
                found.table.units = first.split(' ').count().saturating_sub(1);
                if !(1..=MOST_UNITS).contains(&found.table.units) {
                    return Err(self.wrong(
                        "this is no word with a vector, nor the numbers of words and elements",
                    ));
                }
                self.take_line(&line, &mut found, wanted)?;
                self.read_text(None, &mut found, wanted)?;
            }
        }
        Ok(found.table)
    }

    /// Whether what follows are raw numbers: text has a line of `units` numbers.
    fn is_binary(&mut self, units: usize) -> Result<bool> {
        let ahead = self.reader.fill_buf().map_err(|e| Error::file("read", self.path, e))?;
        let end = ahead.iter().position(|&byte| byte == b'\n').unwrap_or(ahead.len());
        // The last number may be cut by the end of what is there.
        let is_whole = end < ahead.len();
        let Ok(line) = std::str::from_utf8(&ahead[..end]) else { return Ok(true) };
        let numbers: Vec<&str> = line.trim_end().split(' ').skip(1).collect();
        let whole = numbers.len() - (!is_whole && !numbers.is_empty()) as usize;
        let is_text = numbers[..whole].iter().all(|number| number.parse::<f32>().is_ok())
            && (!is_whole || numbers.len() == units);
        // A line of text with a wrong number is told as such, not taken for raw numbers.
        Ok(!is_text && line.chars().any(|c| c.is_control() && c != '\t' && c != '\r'))
    }

    fn read_text(
        &mut self,
        words: Option<usize>,
        found: &mut Found,
        wanted: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        let (mut line, mut read) = (Vec::new(), 0usize);
        while self.next_line(&mut line)? {
            if line.is_empty() {
                continue;
            }
            read += 1;
            self.take_line(&line, found, wanted)?;
        }
        match words {
            Some(words) if words != read => Err(Error::data(
                self.path,
                format!(
                    "the first line tells of {words} words, but {read} are there; it may have been cut short"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn take_line(
        &mut self,
        line: &[u8],
        found: &mut Found,
        wanted: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        let units = found.table.units;
        // From the right: GloVe's words may hold spaces.
        let mut at = line.len();
        for _ in 0..units {
            let Some(space) = line[..at].iter().rposition(|&byte| byte == b' ') else {
                let there = line.split(|&byte| byte == b' ').count() - 1;
                return Err(
                    self.wrong(format!("{there} numbers behind a word, but vectors have {units}"))
                );
            };
            at = space;
        }
        let word = String::from_utf8_lossy(&line[..at]);
        if word.contains(' ')
            && units > 1
            && word.rsplit(' ').all(|part| part.parse::<f32>().is_ok())
        {
            return Err(self
                .wrong(format!("more numbers behind a word than the {units} that vectors have")));
        }
        if !found.takes(&word, wanted) {
            return Ok(());
        }
        for number in line[at + 1..].split(|&byte| byte == b' ') {
            let parsed = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
            let value = parsed.filter(|value: &f32| value.is_finite()).ok_or_else(|| {
                let shown = String::from_utf8_lossy(number);
                self.wrong(format!("\"{shown}\" in the vector of \"{word}\" is no finite number"))
            })?;
            found.table.values.push(value);
        }
        Ok(())
    }

    fn read_binary(
        &mut self,
        words: usize,
        found: &mut Found,
        wanted: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        let units = found.table.units;
        let (mut word, mut bytes) = (Vec::new(), vec![0; 4 * units]);
        for i in 0..words {
            let cut = |path: &Path| {
                Error::data(
                    path,
                    format!("the file ends in word {} of {words}; copy it again", i + 1),
                )
            };
            word.clear();
            let mut limited = (&mut self.reader).take(LONGEST_WORD as u64);
            limited.read_until(b' ', &mut word).map_err(|e| Error::file("read", self.path, e))?;
            match word.pop() {
                Some(b' ') => {}
                _ if word.len() + 1 < LONGEST_WORD => return Err(cut(self.path)),
                _ => return Err(Error::data(self.path, format!("word {} has no end", i + 1))),
            }
            // Some writers end a vector by a new line.
            let start = word.iter().position(|&byte| byte != b'\n').unwrap_or(word.len());
            self.reader.read_exact(&mut bytes).map_err(|_| cut(self.path))?;
            let name = String::from_utf8_lossy(&word[start..]).into_owned();
            if !found.takes(&name, wanted) {
                continue;
            }
            for number in bytes.chunks_exact(4) {
                let value = f32::from_le_bytes([number[0], number[1], number[2], number[3]]);
                if !value.is_finite() {
                    return Err(Error::data(
                        self.path,
                        format!(
                            "the vector of \"{name}\" holds {value}, which is no finite number"
                        ),
                    ));
                }
                found.table.values.push(value);
            }
        }
        Ok(())
    }
}

/// What was found so far.
struct Found {
    table: WordVectorTable,
    seen: std::collections::HashSet<String, foldhash::fast::FixedState>,
}

impl Found {
    /// Whether a word's vector is taken: it is wanted, and was not there before.
    fn takes(&mut self, word: &str, wanted: &mut dyn FnMut(&str) -> bool) -> bool {
        if !wanted(word) || !self.seen.insert(word.to_owned()) {
            return false;
        }
        self.table.words.push(word.to_owned());
        true
    }
}
