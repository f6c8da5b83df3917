//! Rows that are more than memory shall hold: when a run reads its file in blocks, and where its rows lie then.

use std::path::{Path, PathBuf};

use crate::backend::free_memory;
use crate::data::{Account, BlockSizes, RowWriter, TrainingRows};
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

    /// What collects the rows: in memory while they are few, then in a file.
    pub fn writer(&self) -> RowWriter {
        let held = (self.memory / 4).min(usize::MAX as u64) as usize;
        RowWriter::new(&self.folder, held, self.sizes)
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

/// Gives what `produce` makes, one after the other, to `consume`, while the next is made by another thread. The first
/// error of either ends both.
pub(in crate::run) fn ahead<T: Send>(
    produce: impl FnOnce(&dyn Fn(T) -> bool) -> Result<()> + Send,
    consume: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    std::thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .spawn_scoped(scope, move || produce(&|item| send.send(item).is_ok()))
            .map_err(|e| Error::usage(format!("no thread can be had to read rows ({e})")))?;
        let consumed = receive.iter().try_for_each(consume);
        // What waits to be taken is let go.
        drop(receive);
        let panicked = |_| Err(Error::Training("a thread that reads rows failed".into()));
        consumed.and(thread.join().unwrap_or_else(panicked))
    })
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
