//! Rows that are more than memory shall hold: a file of blocks on the disk, of which a few are in memory.
//!
//! A block is `[lengths] [values] [targets] [weights]`, in the machine's order of bytes: the lengths of ragged rows (u32),
//! ids (u32) or features (f32), and what each row is trained with. The file has no name where the system allows it, and is
//! gone when the process is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::dataset::{Dataset, Inputs, Targets};
use super::order::{BlockSizes, Borders, Order};
use crate::error::{Error, Result};

/// Rows to train on, in memory or in a file.
#[derive(Clone, Debug)]
pub enum TrainingRows {
    /// In memory.
    Held(Dataset),
    /// In a file, block by block.
    Filed(Arc<RowFile>),
}

impl TrainingRows {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.as_data().rows()
    }

    /// All of the rows or, of a file, the first of them: what they are like.
    pub(crate) fn sample(&self) -> &Dataset {
        self.as_data().sample()
    }

    /// The rows, where they are in memory.
    pub fn held(&self) -> Option<&Dataset> {
        match self {
            TrainingRows::Held(dataset) => Some(dataset),
            TrainingRows::Filed(_) => None,
        }
    }

    /// Whether the inputs are to be given back.
    pub fn are_given_back(&self) -> bool {
        *self.sample().targets() == Targets::Inputs
    }

    /// Targets of a row.
    pub fn target_width(&self) -> usize {
        self.sample().target_width()
    }

    /// The same, borrowed.
    pub(crate) fn as_data(&self) -> Data<'_> {
        match self {
            TrainingRows::Held(dataset) => Data::Held(dataset),
            TrainingRows::Filed(file) => Data::Filed(file),
        }
    }
}

impl Default for TrainingRows {
    /// None.
    fn default() -> Self {
        let inputs = Inputs::Matrix { values: Vec::new(), features: 1 };
        TrainingRows::Held(Dataset::of_checked(inputs, Targets::Inputs, Vec::new(), String::new()))
    }
}

impl From<Dataset> for TrainingRows {
    fn from(dataset: Dataset) -> Self {
        TrainingRows::Held(dataset)
    }
}

/// [`TrainingRows`], borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Data<'a> {
    /// In memory.
    Held(&'a Dataset),
    /// In a file.
    Filed(&'a RowFile),
}

impl<'a> Data<'a> {
    /// Number of rows.
    pub fn rows(self) -> usize {
        match self {
            Data::Held(dataset) => dataset.rows(),
            Data::Filed(file) => file.rows(),
        }
    }

    /// All of the rows or, of a file, the first of them: what they are like.
    pub fn sample(self) -> &'a Dataset {
        match self {
            Data::Held(dataset) => dataset,
            Data::Filed(file) => &file.sample,
        }
    }

    /// These rows, in this order, each of which is below [`Data::rows`].
    pub fn take(self, rows: &[u32]) -> Result<Dataset> {
        match self {
            Data::Held(dataset) => {
                let rows: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
                Ok(dataset.take(&rows))
            }
            Data::Filed(file) => file.take(rows),
        }
    }

    /// The order of an epoch.
    pub fn order(self, sizes: BlockSizes, shuffle: bool, seed: u64, epoch: u64) -> Order {
        match self {
            Data::Held(dataset) => {
                sizes.order(&sizes.blocks(dataset.inputs()), shuffle, seed, epoch)
            }
            Data::Filed(file) => {
                let blocks: Vec<usize> = file.store.places.iter().map(|place| place.rows).collect();
                file.sizes.order(&blocks, shuffle, seed, epoch)
            }
        }
    }

    /// Says of every block of the rows, one after the other, what `each` says, up to its first error.
    pub fn for_each_block(self, mut each: impl FnMut(&Dataset) -> Result<()>) -> Result<()> {
        match self {
            Data::Held(dataset) => each(dataset),
            Data::Filed(file) => {
                (0..file.store.places.len()).try_for_each(|block| each(&file.store.load(block)?))
            }
        }
    }
}

/// Rows in a file.
#[derive(Debug)]
pub struct RowFile {
    store: Arc<Store>,
    sizes: BlockSizes,
    lengths: BTreeMap<usize, usize>,
    /// The first rows, which say what all are like.
    sample: Dataset,
    cache: Mutex<Cache>,
}

/// What of a file is in memory.
#[derive(Debug, Default)]
struct Cache {
    /// By their last use, the oldest first.
    blocks: Vec<Block>,
    /// What a thread reads ahead.
    ahead: Option<Ahead>,
}

#[derive(Debug)]
struct Ahead {
    blocks: Vec<u32>,
    thread: JoinHandle<Result<Vec<Block>>>,
}

/// A block with its number.
type Block = (u32, Arc<Dataset>);

/// The blocks on the disk.
#[derive(Debug)]
struct Store {
    file: Mutex<File>,
    /// Where the file is, where it has a name.
    path: Option<PathBuf>,
    places: Vec<Place>,
    shape: Shape,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    /// Its first row.
    first: usize,
    rows: usize,
    /// Numbers of its inputs.
    elements: usize,
}

/// What all rows have in common.
#[derive(Clone, Debug)]
struct Shape {
    /// Inputs without a row.
    inputs: Inputs,
    /// Targets of a row; 0 where the inputs are given back.
    target_width: usize,
    weighted: bool,
    source: String,
}

impl RowFile {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.store.places.last().map_or(0, |place| place.first + place.rows)
    }

    /// Bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.store.places.iter().map(|place| self.store.bytes(place) as u64).sum()
    }

    /// How many rows have so many elements.
    pub(crate) fn lengths(&self) -> &BTreeMap<usize, usize> {
        &self.lengths
    }

    /// These rows, in this order.
    fn take(&self, rows: &[u32]) -> Result<Dataset> {
        let places = &self.store.places;
        let block_of = |row: u32| places.partition_point(|place| place.first <= row as usize) - 1;
        let of_rows: Vec<usize> = rows.iter().map(|&row| block_of(row)).collect();
        let mut loaded: Vec<Option<Arc<Dataset>>> = vec![None; places.len()];
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        for &block in &of_rows {
            if loaded[block].is_none() {
                loaded[block] = Some(self.block(&mut cache, block as u32)?);
            }
        }
        drop(cache);
        let taken = rows.iter().zip(&of_rows).filter_map(|(&row, &block)| {
            Some((loaded[block].as_deref()?, row as usize - places[block].first))
        });
        Ok(self.store.shape.gather(taken))
    }

    /// A block, from memory or the disk. The oldest of more than two groups leave the memory.
    fn block(&self, cache: &mut Cache, block: u32) -> Result<Arc<Dataset>> {
        if cache.ahead.as_ref().is_some_and(|ahead| ahead.blocks.contains(&block))
            && let Some(ahead) = cache.ahead.take()
        {
            let read = ahead.thread.join().map_err(|_| lost_thread())?;
            cache.blocks.extend(read?);
        }
        let found = match cache.blocks.iter().position(|(of, _)| *of == block) {
            Some(at) => cache.blocks.remove(at).1,
            None => Arc::new(self.store.load(block as usize)?),
        };
        cache.blocks.push((block, found.clone()));
        let over = cache.blocks.len().saturating_sub(2 * self.sizes.group);
        cache.blocks.drain(..over);
        Ok(found)
    }

    /// Reads these blocks ahead, where they are not there, while other work goes on.
    pub(crate) fn expect(&self, blocks: &[u32]) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if blocks.is_empty() || cache.ahead.as_ref().is_some_and(|ahead| ahead.blocks == blocks) {
            return;
        }
        let is_here = |block: &u32| cache.blocks.iter().any(|(of, _)| of == block);
        if blocks.iter().all(is_here) {
            return;
        }
        let missing: Vec<u32> = blocks.iter().copied().filter(|block| !is_here(block)).collect();
        let (store, blocks) = (self.store.clone(), blocks.to_vec());
        let read = move || {
            let load = |block: u32| Ok((block, Arc::new(store.load(block as usize)?)));
            missing.into_iter().map(load).collect()
        };
        // Where no thread can be had, blocks are read when they are needed.
        if let Ok(thread) = std::thread::Builder::new().name("rows".into()).spawn(read) {
            cache.ahead = Some(Ahead { blocks, thread });
        }
    }
}

fn lost_thread() -> Error {
    Error::Training("a thread that reads rows from the disk ended without an answer".into())
}

impl Shape {
    /// Rows of blocks as a data set.
    fn gather<'d>(&self, rows: impl Iterator<Item = (&'d Dataset, usize)>) -> Dataset {
        let mut inputs = self.inputs.clone();
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        for (dataset, row) in rows {
            inputs.push_row_of(dataset.inputs(), row);
            if self.target_width > 0 {
                let of = row * self.target_width..(row + 1) * self.target_width;
                targets.extend_from_slice(&dataset.target_values()[of]);
            }
            weights.extend(dataset.weights().get(row));
        }
        self.dataset(inputs, targets, weights)
    }

    fn dataset(&self, inputs: Inputs, values: Vec<f32>, weights: Vec<f32>) -> Dataset {
        let targets = match self.target_width {
            0 => Targets::Inputs,
            width => Targets::Values { values, width },
        };
        Dataset::of_checked(inputs, targets, weights, self.source.clone())
    }
}

impl Store {
    fn bytes(&self, place: &Place) -> usize {
        let lengths = if self.shape.inputs.is_ragged() { place.rows } else { 0 };
        let beside = self.shape.target_width + self.shape.weighted as usize;
        4 * (lengths + place.elements + place.rows * beside)
    }

    /// Reads a block.
    fn load(&self, block: usize) -> Result<Dataset> {
        let place = self.places[block];
        let mut numbers = vec![0u32; self.bytes(&place) / 4];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            let read = file
                .seek(SeekFrom::Start(place.offset))
                .and_then(|_| file.read_exact(bytemuck::cast_slice_mut(&mut numbers)));
            read.map_err(|e| Error::file("read rows of", self.shown(), e))?;
        }
        let (mut inputs, mut rest) = (self.shape.inputs.clone(), &numbers[..]);
        let mut next = |count: usize| {
            let (part, behind) = rest.split_at(count);
            rest = behind;
            part
        };
        match &mut inputs {
            Inputs::Ids { values, .. } => *values = next(place.elements).to_vec(),
            Inputs::Ragged { values, ends, .. } => {
                let lengths = next(place.rows).iter();
                *ends = lengths
                    .scan(0, |end, &length| {
                        *end += length as usize;
                        Some(*end)
                    })
                    .collect();
                *values = next(place.elements).to_vec();
            }
            Inputs::Matrix { values, .. } => {
                *values = bytemuck::cast_slice(next(place.elements)).to_vec();
            }
        }
        let targets = bytemuck::cast_slice(next(place.rows * self.shape.target_width)).to_vec();
        let weights =
            bytemuck::cast_slice(next(place.rows * self.shape.weighted as usize)).to_vec();
        Ok(self.shape.dataset(inputs, targets, weights))
    }

    fn shown(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new("a file without a name"))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // What is left of it harms nobody.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Collects rows: in memory while they are few, then in a file.
#[derive(Debug)]
pub(crate) struct RowWriter {
    sizes: BlockSizes,
    /// Bytes of inputs that are held in memory at most, where there are not more.
    held: usize,
    /// Where a file shall lie.
    folder: PathBuf,
    /// Rows that are in no block of the file.
    pending: Option<Dataset>,
    /// Pending rows with which blocks begin, beside the first.
    begins: Vec<usize>,
    borders: Borders,
    lengths: BTreeMap<usize, usize>,
    store: Option<Store>,
    end: u64,
}

impl RowWriter {
    /// A writer whose file, where it comes to one, lies in `folder`: where inputs take more than `held` bytes, and are
    /// not shuffled as a whole.
    pub fn new(folder: &Path, held: usize, sizes: BlockSizes) -> RowWriter {
        RowWriter {
            sizes,
            held: held.max(sizes.whole),
            folder: folder.to_owned(),
            pending: None,
            begins: Vec::new(),
            borders: Borders::default(),
            lengths: BTreeMap::new(),
            store: None,
            end: 0,
        }
    }

    /// Appends rows, which are like those before.
    ///
    /// # Errors
    /// [`Error::File`] when they cannot be written.
    pub fn push(&mut self, rows: Dataset) -> Result<()> {
        let first = self.pending.as_ref().map_or(0, Dataset::rows);
        for row in 0..rows.rows() {
            let elements = rows.inputs().span(row).len();
            *self.lengths.entry(elements).or_default() += 1;
            if self.borders.begins(elements, self.sizes) {
                self.begins.push(first + row);
            }
        }
        match &mut self.pending {
            None => self.pending = Some(rows),
            Some(pending) => pending.append(rows),
        }
        let held = self.pending.as_ref().map_or(0, |rows| 4 * rows.inputs().as_rows().len());
        match self.store.is_some() || held > self.held {
            true => self.write_blocks(false),
            false => Ok(()),
        }
    }

    /// The rows.
    ///
    /// # Errors
    /// [`Error::File`] when the last of them cannot be written; [`Error::Usage`] when there are more than 2^32, or none.
    pub fn finish(mut self) -> Result<TrainingRows> {
        if self.store.is_some() {
            self.write_blocks(true)?;
        }
        let (sizes, lengths) = (self.sizes, self.lengths);
        let Some(store) = self.store.map(Arc::new) else {
            return match self.pending {
                Some(rows) => Ok(TrainingRows::Held(rows)),
                None => Err(Error::usage("there are no rows to learn from")),
            };
        };
        let sample = store.load(0)?;
        let file = RowFile { store, sizes, lengths, sample, cache: Mutex::default() };
        match u32::try_from(file.rows()) {
            Ok(_) => Ok(TrainingRows::Filed(Arc::new(file))),
            Err(_) => Err(Error::usage(format!(
                "there are {} rows, but at most {} are trained on; give fewer",
                file.rows(),
                u32::MAX
            ))),
        }
    }

    /// Writes the pending blocks that are whole, or all of them.
    fn write_blocks(&mut self, all: bool) -> Result<()> {
        let Some(pending) = self.pending.take() else { return Ok(()) };
        let store = match &mut self.store {
            Some(store) => store,
            None => self.store.insert(Store::create(&self.folder, &pending)?),
        };
        let mut begins = std::mem::take(&mut self.begins);
        if all {
            begins.push(pending.rows());
        }
        let mut first = 0;
        for &end in &begins {
            self.end += store.append(&pending, first..end, self.end)?;
            first = end;
        }
        let rest: Vec<usize> = (first..pending.rows()).collect();
        self.pending = (!rest.is_empty()).then(|| pending.take(&rest));
        Ok(())
    }
}

impl Store {
    /// A file for rows like these.
    fn create(folder: &Path, like: &Dataset) -> Result<Store> {
        let (file, path) = scratch(folder)?;
        let target_width = match like.targets() {
            Targets::Inputs => 0,
            Targets::Values { width, .. } => *width,
        };
        let shape = Shape {
            inputs: like.inputs().take(&[]),
            target_width,
            weighted: !like.weights().is_empty(),
            source: like.source().to_owned(),
        };
        Ok(Store { file: Mutex::new(file), path, places: Vec::new(), shape })
    }

    /// Appends a block at the file's end, and returns its bytes.
    fn append(
        &mut self,
        dataset: &Dataset,
        rows: std::ops::Range<usize>,
        offset: u64,
    ) -> Result<u64> {
        let inputs = dataset.inputs();
        let elements = inputs.span(rows.start).start..inputs.span(rows.end - 1).end;
        let mut bytes: Vec<u8> = Vec::new();
        if inputs.is_ragged() {
            let lengths: Vec<u32> = rows.clone().map(|row| inputs.span(row).len() as u32).collect();
            bytes.extend_from_slice(bytemuck::cast_slice(&lengths));
        }
        bytes.extend_from_slice(inputs.as_rows().part(elements.clone()).as_bytes());
        let width = self.shape.target_width;
        if width > 0 {
            let of = rows.start * width..rows.end * width;
            bytes.extend_from_slice(bytemuck::cast_slice(&dataset.target_values()[of]));
        }
        if self.shape.weighted {
            bytes.extend_from_slice(bytemuck::cast_slice(&dataset.weights()[rows.clone()]));
        }
        let written = {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(offset)).and_then(|_| file.write_all(&bytes))
        };
        written.map_err(|e| Error::file("write rows to", self.shown(), e))?;
        let first = self.places.last().map_or(0, |place| place.first + place.rows);
        self.places.push(Place { offset, first, rows: rows.len(), elements: elements.len() });
        Ok(bytes.len() as u64)
    }
}

/// A new file in a folder, for this process alone. Where the system allows it, it has no name from here on, so that
/// nothing is left of it however the process ends.
fn scratch(folder: &Path) -> Result<(File, Option<PathBuf>)> {
    // Several runs of one process have one each.
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".wgslearn-rows-{}-{number}", std::process::id()));
        let failed = |e| Error::file("make a file for rows at", &path, e);
        // What has that name already is another's, or leads elsewhere.
        match File::options().read(true).write(true).create_new(true).open(&path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(failed(e)),
            Ok(file) if cfg!(unix) => {
                return std::fs::remove_file(&path).map(|()| (file, None)).map_err(failed);
            }
            Ok(file) => return Ok((file, Some(path))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_for_rows_is_no_other_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        // Files of other tests have names in other folders, so that the next few numbers are not known.
        let taken: Vec<PathBuf> = (0..200)
            .map(|number| {
                folder.path().join(format!(".wgslearn-rows-{}-{number}", std::process::id()))
            })
            .collect();
        taken.iter().for_each(|path| std::fs::write(path, "another's").expect("written"));
        let (mut file, _) = scratch(folder.path()).expect("a file");
        file.write_all(b"rows").expect("written");
        for path in taken {
            assert_eq!(std::fs::read(path).expect("there"), b"another's");
        }
    }
}
