//! fastText's models (`.bin`, versions 11 and 12, not quantised): arguments, dictionary, and the matrices of words with
//! buckets and of labels. The dictionary is read at once, rows of the matrices where they lie in the file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::text::LABEL_PREFIX;

/// What a file begins with.
const MAGIC: u32 = 793_712_314;
/// The version that is written.
const VERSION: u32 = 12;

/// What a model was trained for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Architecture {
    /// Word vectors: the window's mean predicts a word.
    Cbow = 1,
    /// Word vectors: a word predicts its window.
    Skipgram = 2,
    /// A classifier.
    Supervised = 3,
}

/// How outputs become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FasttextLoss {
    /// A tree of the labels.
    HierarchicalSoftmax = 1,
    /// A sigmoid each.
    NegativeSampling = 2,
    /// One distribution.
    Softmax = 3,
    /// A sigmoid each.
    OneVersusAll = 4,
}

/// The arguments that a model needs, under fastText's names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FasttextArguments {
    pub dim: usize,
    pub word_ngrams: usize,
    pub loss: FasttextLoss,
    pub model: Architecture,
    pub bucket: usize,
    pub minn: usize,
    pub maxn: usize,
}

/// A matrix in the file.
#[derive(Clone, Copy, Debug)]
struct MatrixAt {
    offset: u64,
    rows: usize,
}

/// A model, of which the dictionary is read.
#[derive(Debug)]
pub(crate) struct FasttextFile {
    path: PathBuf,
    reader: BufReader<File>,
    pub arguments: FasttextArguments,
    /// In the order of their rows.
    pub words: Vec<String>,
    /// How often training had each of them.
    pub counts: Vec<u64>,
    /// In the order of theirs, without what marks them as labels.
    pub labels: Vec<String>,
    input: MatrixAt,
    output: MatrixAt,
}

/// Whether a file begins as fastText's models do.
pub(crate) fn is_fasttext(path: &Path) -> bool {
    let mut start = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && u32::from_le_bytes(start) == MAGIC
}

/// Reads numbers, and knows what is left of the file.
struct Numbers<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    at: u64,
    len: u64,
}

impl Numbers<'_> {
    fn wrong(&self, message: impl std::fmt::Display) -> Error {
        Error::data(
            self.path,
            format!("this is not a complete fastText model ({message}); copy it again"),
        )
    }

    fn left(&self) -> u64 {
        self.len.saturating_sub(self.at)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        if self.reader.read_exact(&mut bytes).is_err() {
            return Err(self.wrong(format_args!("it ends at byte {}", self.len)));
        }
        self.at += N as u64;
        Ok(bytes)
    }

    fn int(&mut self) -> Result<i32> {
        Ok(i32::from_le_bytes(self.bytes()?))
    }

    fn long(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.bytes()?))
    }

    /// A count from 0 to `most`.
    fn count(&mut self, name: &str, most: u64) -> Result<usize> {
        let value = self.int()?;
        self.within(name, value as i64, most)
    }

    fn within(&self, name: &str, value: i64, most: u64) -> Result<usize> {
        match u64::try_from(value) {
            Ok(value) if value <= most => Ok(value as usize),
            _ => Err(self.wrong(format_args!("{name} is {value}, but can be 0 to {most}"))),
        }
    }

    /// A matrix of rows of `columns`, which lies in the file as a whole.
    fn matrix(&mut self, name: &str, columns: usize) -> Result<MatrixAt> {
        let (rows, width) = (self.long()?, self.long()?);
        if width != columns as i64 {
            return Err(self.wrong(format_args!("{name} has {width} columns, not {columns}")));
        }
        let most = self.left() / (4 * columns.max(1) as u64);
        let rows = self.within(&format!("the number of {name}"), rows, most)?;
        let found = MatrixAt { offset: self.at, rows };
        self.at += rows as u64 * 4 * columns as u64;
        self.reader
            .seek(SeekFrom::Start(self.at))
            .map_err(|e| Error::file("read", self.path, e))?;
        Ok(found)
    }

    fn is_quantised(&mut self) -> Result<()> {
        match self.bytes::<1>()? {
            [0] => Ok(()),
            _ => Err(Error::data(
                self.path,
                "this fastText model is quantised, which is not read; give the model that it was quantised from (.bin)",
            )),
        }
    }
}

impl FasttextFile {
    /// Reads arguments and dictionary.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Data`] where the file is cut short, damaged or quantised.
    pub fn open(path: &Path) -> Result<FasttextFile> {
        let failed = |e| Error::file("read", path, e);
        let file = File::open(path).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        let mut from =
            Numbers { path, reader: BufReader::with_capacity(1 << 16, file), at: 0, len };
        let (magic, version) = (from.int()? as u32, from.int()? as u32);
        if magic != MAGIC || !(11..=VERSION).contains(&version) {
            return Err(
                from.wrong(format_args!("its magic bytes are wrong, or its version is {version}"))
            );
        }
        const MANY: u64 = i32::MAX as u64;
        let dim = from.count("dim", 1 << 16)?;
        for name in ["ws", "epoch", "minCount", "neg"] {
            from.count(name, MANY)?;
        }
        let word_ngrams = from.count("wordNgrams", 1 << 10)?.max(1);
        let loss = match from.int()? {
            1 => FasttextLoss::HierarchicalSoftmax,
            2 => FasttextLoss::NegativeSampling,
            3 => FasttextLoss::Softmax,
            4 => FasttextLoss::OneVersusAll,
            other => return Err(from.wrong(format_args!("its loss is {other}"))),
        };
        let model = match from.int()? {
            1 => Architecture::Cbow,
            2 => Architecture::Skipgram,
            3 => Architecture::Supervised,
            other => return Err(from.wrong(format_args!("its kind is {other}"))),
        };
        let bucket = from.count("bucket", 1 << 30)?;
        let (minn, mut maxn) = (from.count("minn", MANY)?, from.count("maxn", MANY)?);
        if version == 11 && model == Architecture::Supervised {
            // Classifiers of that version have no n-grams of characters.
            maxn = 0;
        }
        from.count("lrUpdateRate", MANY)?;
        from.bytes::<8>()?;
        if dim == 0 {
            return Err(from.wrong("its vectors have no elements"));
        }
        // An entry has a byte for its end, eight for its count and one for its kind.
        let most = from.left() / 10;
        let size = from.count("the number of entries", most)?;
        let nwords = from.count("the number of words", size as u64)?;
        let nlabels = from.count("the number of labels", (size - nwords) as u64)?;
        from.long()?;
        let pruned = from.long()?;
        let (mut words, mut counts, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        let mut entry = Vec::new();
        for _ in 0..size {
            entry.clear();
            let mut limited = (&mut from.reader).take(1 << 16);
            let read = limited.read_until(0, &mut entry).map_err(failed)?;
            from.at += read as u64;
            if entry.pop() != Some(0) {
                return Err(from.wrong("an entry of its dictionary has no end"));
            }
            let count = from.long()?;
            let text = String::from_utf8_lossy(&entry).into_owned();
            match from.bytes::<1>()? {
                [0] => {
                    words.push(text);
                    counts.push(u64::try_from(count).unwrap_or(0));
                }
                _ => {
                    labels.push(text.strip_prefix(LABEL_PREFIX).map(str::to_owned).unwrap_or(text))
                }
            }
        }
        if [words.len(), labels.len()] != [nwords, nlabels] {
            return Err(from.wrong("its dictionary has not the words and labels that it tells of"));
        }
        if pruned > 0 {
            let pruned = from.within("the number of pruned buckets", pruned, from.left() / 8)?;
            from.at += 8 * pruned as u64;
            from.reader.seek(SeekFrom::Start(from.at)).map_err(failed)?;
        }
        from.is_quantised()?;
        let input = from.matrix("rows of words", dim)?;
        from.is_quantised()?;
        let output = from.matrix("rows of outputs", dim)?;
        let buckets = if input.rows == nwords { 0 } else { bucket };
        if input.rows != nwords + buckets {
            return Err(from.wrong(format_args!(
                "{nwords} words and {bucket} buckets do not go with {} rows",
                input.rows
            )));
        }
        if model == Architecture::Supervised && output.rows != nlabels {
            return Err(
                from.wrong(format_args!("{nlabels} labels do not go with {} rows", output.rows))
            );
        }
        let has_ngrams = maxn > 0 || word_ngrams > 1 && model == Architecture::Supervised;
        if maxn > 0 && !(1..=maxn).contains(&minn) || maxn > 32 || has_ngrams && buckets == 0 {
            return Err(from.wrong(format_args!(
                "n-grams of {minn} to {maxn} characters in {buckets} buckets are none that fastText makes"
            )));
        }
        let arguments =
            FasttextArguments { dim, word_ngrams, loss, model, bucket: buckets, minn, maxn };
        let (path, reader) = (path.to_owned(), from.reader);
        Ok(FasttextFile { path, reader, arguments, words, counts, labels, input, output })
    }

    /// Appends rows of the matrix of words and buckets to `values`.
    pub fn read_rows(&mut self, first: usize, rows: usize, values: &mut Vec<f32>) -> Result<()> {
        self.read(self.input, first, rows, values)
    }

    /// Rows of words and buckets.
    pub fn rows(&self) -> usize {
        self.input.rows
    }

    /// `[rows, dim]`: the matrix of labels or, of word vectors, of words as targets.
    pub fn read_outputs(&mut self) -> Result<Vec<f32>> {
        let mut values = Vec::new();
        self.read(self.output, 0, self.output.rows, &mut values)?;
        Ok(values)
    }

    fn read(
        &mut self,
        from: MatrixAt,
        first: usize,
        rows: usize,
        values: &mut Vec<f32>,
    ) -> Result<()> {
        let failed = |path: &Path, e| Error::file("read", path, e);
        let row = 4 * self.arguments.dim;
        let rows = rows.min(from.rows.saturating_sub(first));
        let place = SeekFrom::Start(from.offset + (first * row) as u64);
        self.reader.seek(place).map_err(|e| failed(&self.path, e))?;
        values.reserve(rows * self.arguments.dim);
        let mut bytes = vec![0; row];
        for i in 0..rows {
            self.reader.read_exact(&mut bytes).map_err(|e| failed(&self.path, e))?;
            for number in bytes.chunks_exact(4) {
                let value = f32::from_le_bytes([number[0], number[1], number[2], number[3]]);
                if !value.is_finite() {
                    return Err(Error::data(
                        &self.path,
                        format!(
                            "row {} of a matrix holds {value}, which is no finite number",
                            first + i
                        ),
                    ));
                }
                values.push(value);
            }
        }
        Ok(())
    }
}

/// A model as fastText writes it: words with how often training had them (none where that is not known: once), `inputs` are
/// `[words + bucket, dim]`, `outputs` `[labels or words, dim]`.
pub(crate) fn fasttext_bytes(
    arguments: &FasttextArguments,
    (words, counts): (&[String], &[u64]),
    labels: &[String],
    inputs: &[f32],
    outputs: &[f32],
) -> Vec<u8> {
    let &FasttextArguments { dim, word_ngrams, loss, model, bucket, minn, maxn } = arguments;
    let mut bytes = Vec::with_capacity(4 * (inputs.len() + outputs.len()) + 32 * words.len() + 256);
    let mut int = |value: usize| bytes.extend((value as i32).to_le_bytes());
    int(MAGIC as usize);
    int(VERSION as usize);
    int(dim);
    // ws, epoch, minCount and neg: what fastText takes where nothing is given.
    [5, 5, 1, 5].into_iter().for_each(&mut int);
    int(word_ngrams);
    int(loss as usize);
    int(model as usize);
    [bucket, minn, maxn, 100].into_iter().for_each(&mut int);
    bytes.extend(1e-4f64.to_le_bytes());
    let mut int = |value: usize| bytes.extend((value as i32).to_le_bytes());
    [words.len() + labels.len(), words.len(), labels.len()].into_iter().for_each(&mut int);
    let count = |i: usize| counts.get(i).map_or(1, |&count| count.min(i64::MAX as u64) as i64);
    let total = (0..words.len()).fold(0i64, |sum, i| sum.saturating_add(count(i)));
    bytes.extend(total.to_le_bytes());
    bytes.extend((-1i64).to_le_bytes());
    let mut entry = |text: &str, count: i64, prefix: &str, kind: u8| {
        bytes.extend(prefix.bytes().chain(text.bytes()));
        bytes.push(0);
        bytes.extend(count.to_le_bytes());
        bytes.push(kind);
    };
    words.iter().enumerate().for_each(|(i, word)| entry(word, count(i), "", 0));
    // How often labels were there is not kept.
    labels.iter().for_each(|label| entry(label, 1, LABEL_PREFIX, 1));
    for values in [inputs, outputs] {
        bytes.push(0);
        bytes.extend(((values.len() / dim.max(1)) as i64).to_le_bytes());
        bytes.extend((dim as i64).to_le_bytes());
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    }
    bytes
}
