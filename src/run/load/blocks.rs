//! Rows that are more than memory shall hold: when a run reads its file in blocks, and where its rows lie then.

use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::slice::Iter;

#[cfg(test)]
use super::Loaded;
use crate::backend::free_memory;
use crate::data::{Account, BlockFile, BlockSizes, ByteSource, Dataset, RowWriter, TrainingRows};
use crate::error::{Error, Result};
use crate::run::config::RunConfig;
use crate::run::setting::RunKind;

/// Bytes of memory that rows take for each byte of their file, about, where they are not read in blocks: the file, texts
/// or numbers in double precision, what a model reads of them, and the device's copy of it.
const COPIES: u64 = 5;

/// How large packed files are, about, against what they hold.
const UNPACKED: u64 = 4;

/// How a run reads its file in blocks.
#[derive(Clone, Debug)]
pub(super) struct InBlocks {
    pub sizes: BlockSizes,
    /// Bytes of memory that rows may take.
    memory: u64,
    /// Where rows lie that take more.
    folder: PathBuf,
}

impl InBlocks {
    /// For a run that asks for it, or whose file is larger than what memory is free for it.
    pub fn of(config: &RunConfig) -> Option<InBlocks> {
        // Pictures and folds need all rows, and word vectors have blocks of their own.
        let is_whole = matches!(config.kind, RunKind::Images | RunKind::Words);
        if is_whole || config.data.folds.is_some() {
            return None;
        }
        let memory = match config.data.memory {
            Some(memory) => memory.get(),
            None => {
                let path = &config.data.train;
                let file = path.metadata().ok().filter(|found| found.is_file())?;
                let is = |of: &&str| path.extension().is_some_and(|extension| extension == *of);
                let is_packed = ["gz", "zst", "bz2"].iter().any(is);
                let needed = file.len() * COPIES * if is_packed { UNPACKED } else { 1 };
                // To ask what is free takes longer than small files do.
                let free = (needed > 1 << 28).then(free_memory)??;
                (needed > free).then_some(free / 2)?
            }
        };
        Some(InBlocks { sizes: BlockSizes::default(), memory, folder: scratch_folder(config) })
    }

    /// With blocks of a few rows, none of which are held.
    #[cfg(test)]
    pub fn small(folder: &Path) -> InBlocks {
        let sizes = BlockSizes { whole: 0, block: 200, group: 2, read: 150 };
        InBlocks { sizes, memory: 0, folder: folder.to_owned() }
    }

    /// Nothing yet. Rows to train on lie in memory while they are few, then in a file.
    pub fn collect(&self) -> Collected {
        let held = (self.memory / 4).min(usize::MAX as u64) as usize;
        let writer = RowWriter::new(&self.folder, held, self.sizes);
        Collected { writer, validation: None, weighs: false }
    }

    /// Says where rows lie that are not in memory.
    pub fn tell(&self, rows: &TrainingRows, account: &mut Account) {
        if let TrainingRows::Filed(file) = rows {
            account.warn(format!(
                "its rows are more than the memory that they may take: {} MB of them lie in a file in {} while the run lasts",
                file.bytes().div_ceil(1_000_000),
                self.folder.display()
            ));
        }
    }
}

/// Gives what `parse` makes of each block of a file to `each`, while the next is read and parsed by another thread. The
/// first error of either ends both.
pub(in crate::run) fn each_block<T: Send>(
    file: &BlockFile,
    parse: impl Fn(&ByteSource) -> Result<T> + Send,
    each: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    std::thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        let read = move || {
            for block in file.blocks()? {
                // Nobody takes it where there was an error.
                if send.send(parse(&block?)?).is_err() {
                    break;
                }
            }
            Ok(())
        };
        let thread = std::thread::Builder::new()
            .spawn_scoped(scope, read)
            .map_err(|e| Error::usage(format!("no thread can be had to read rows ({e})")))?;
        let consumed = receive.iter().try_for_each(each);
        // What waits to be taken is let go.
        drop(receive);
        let panicked = |_| Err(Error::Training("a thread that reads rows failed".into()));
        consumed.and(thread.join().unwrap_or_else(panicked))
    })
}

/// Some rows, from 0, in two parts: those that are trained on, and those that are validated on.
pub(super) type Parts = [Vec<usize>; 2];

/// The parts of the next `rows` rows behind `before` others; `held` are those that are validated on and were not met yet,
/// rising.
pub(super) fn next_parts(
    held: &mut Peekable<Iter<'_, usize>>,
    before: usize,
    rows: usize,
) -> Parts {
    let is_held = |row: &usize| held.next_if_eq(&&(before + row)).is_some();
    let (validation, training) = (0..rows).partition(is_held);
    [training, validation]
}

/// What is collected of a file's rows: those that are trained on, in memory or in a file, and those that are validated on,
/// which are held.
pub(super) struct Collected {
    writer: RowWriter,
    validation: Option<Dataset>,
    /// Whether a row weighs anything.
    weighs: bool,
}

impl Collected {
    /// Takes rows to train on with their weights, which were checked; none where all weigh the same.
    pub fn train_on(&mut self, rows: Dataset, weights: Vec<f32>) -> Result<()> {
        self.weighs |= weights.is_empty() || weights.iter().any(|&weight| weight > 0.0);
        self.writer.push(rows.with_part_weights(weights))
    }

    /// Takes rows to validate on.
    pub fn validate_on(&mut self, rows: Dataset) {
        match &mut self.validation {
            Some(validation) => validation.append(rows),
            None => self.validation = Some(rows),
        }
    }

    /// Takes the parts of some rows; `weights` are those of rows that are trained on.
    pub fn take(
        &mut self,
        rows: &Dataset,
        [training, held]: &Parts,
        weights: impl FnOnce(&Dataset) -> Vec<f32>,
    ) -> Result<()> {
        if !held.is_empty() {
            self.validate_on(rows.take(held));
        }
        if training.is_empty() {
            return Ok(());
        }
        let rows = rows.take(training);
        let weights = weights(&rows);
        self.train_on(rows, weights)
    }

    /// The rows to train on and to validate on.
    pub fn finish(self, path: &Path) -> Result<(TrainingRows, Option<Dataset>)> {
        let training = self.writer.finish()?;
        match self.weighs {
            true => Ok((training, self.validation)),
            false => {
                Err(Error::data(path, "every row weighs 0, so there is nothing to learn from"))
            }
        }
    }
}

/// That what a run asks for is not there for rows that are read in blocks.
pub(super) fn refused(why: &str) -> Error {
    Error::usage(format!(
        "{why}, which needs all rows in memory, but they are read in blocks, since memory is given or the file is larger than what is free; leave memory out, or take fewer rows"
    ))
}

/// That a file has other rows than when it was read before.
pub(super) fn check_rows(path: &Path, before: usize, now: usize) -> Result<()> {
    match before == now {
        true => Ok(()),
        false => Err(Error::data(
            path,
            format!("the file had {before} rows, and has {now} now; start again when it is whole"),
        )),
    }
}

/// Beside the model, on whose disk there is room for what a run makes.
fn scratch_folder(config: &RunConfig) -> PathBuf {
    let folder = config.output.model.as_deref().and_then(Path::parent);
    match folder.filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => folder.to_owned(),
        None if config.output.model.is_some() => ".".into(),
        None => std::env::temp_dir(),
    }
}

/// Holds what was read in blocks against what was read in memory: the same rows, to the bit, or the same refusal. Gives
/// both where they were read.
#[cfg(test)]
pub(super) fn assert_same(
    whole: Result<Loaded>,
    blocks: Result<Loaded>,
    what: &str,
) -> Option<[Loaded; 2]> {
    let (whole, blocks) = match (whole, blocks) {
        (Ok(whole), Ok(blocks)) => (whole, blocks),
        (Err(whole), Err(blocks)) => {
            assert_eq!(whole.to_string(), blocks.to_string(), "{what}");
            return None;
        }
        (whole, blocks) => panic!("{what}: {whole:?}, but in blocks {blocks:?}"),
    };
    let TrainingRows::Filed(file) = &blocks.training else { panic!("{what}: rows in memory") };
    let all: Vec<u32> = (0..whole.training.rows() as u32).collect();
    assert_eq!(file.rows(), all.len(), "{what}");
    let rows = blocks.training.as_data().take(&all).expect("rows");
    assert_eq!(Some(&rows), whole.training.held(), "{what}");
    assert_eq!(whole.preprocessor, blocks.preprocessor, "{what}");
    assert_eq!((&whole.labels, whole.task), (&blocks.labels, blocks.task), "{what}");
    assert_eq!(whole.embedding_rows, blocks.embedding_rows, "{what}");
    assert_eq!(whole.validation, blocks.validation, "{what}");
    Some([whole, blocks])
}

/// The accounts of what was read in blocks, without what is said of where the rows lie.
#[cfg(test)]
pub(super) fn accounts_of(blocks: &Loaded) -> Vec<Account> {
    let mut said = blocks.accounts.clone();
    said[0].warnings.retain(|warning| !warning.contains("lie in a file"));
    said
}
