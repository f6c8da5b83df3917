//! Data sets on a device: what a feed needs to know of one, the checks that it goes with the model, and the
//! upload of its rows.

use std::collections::BTreeMap;

use crate::backend::Executor;
use crate::data::{Data, Dataset, Inputs, Rows, Targets, check_ids_in, check_ids_of};
use crate::error::{Error, Result};
use crate::kernels::Span;
use crate::layers::plan::Purpose;
use crate::losses::Loss;
use crate::model::{Input, Model};
use crate::program::{RoutineId, Run};

/// A data set's place on the device, and the routines that take batches from it.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub inputs: Span,
    pub targets: Option<Span>,
    pub order: Span,
    /// Rows that `inputs` holds.
    pub resident: usize,
    /// Whether rows are put there window by window: they do not all fit, or lie in a file.
    pub streamed: bool,
    /// Rows of the data set.
    pub rows: usize,
    pub batch: usize,
    /// Rows of a batch that are taken at once; their gradients are added up.
    pub part: usize,
    /// Targets of a row; `None` where the targets are the inputs.
    pub target_width: Option<usize>,
    /// Whether `targets` holds a weight behind those of each row.
    pub weighted: bool,
    /// A step over `batch` rows.
    pub full: Option<RoutineId>,
    /// A step over the rows that are left, `rows % batch`.
    pub tail: Option<RoutineId>,
    /// Steps over fewer rows than `batch`, the fewest first: what one row costs is not what a batch costs.
    pub fewer: Vec<(usize, RoutineId)>,
    /// In place of both, up to `Recording::steps_at_once` steps over whatever rows come next.
    pub whole: Option<RoutineId>,
    /// Groups of a history slot.
    pub groups: usize,
    /// Where rows have different lengths, what takes the place of `full` and `tail`.
    pub ragged: Option<RaggedFeed>,
}

/// The routines of a feed of rows of different lengths.
#[derive(Clone, Debug)]
pub(super) struct RaggedFeed {
    /// `[resident, 2]`: where each row begins in `inputs`, and how many ids it has.
    pub spans: Span,
    /// By the ids that a batch, or each part of it, has room for, ascending.
    pub sizes: Vec<RaggedSize>,
}

/// The routines for batches whose parts have at most so many ids.
#[derive(Clone, Copy, Debug)]
pub(super) struct RaggedSize {
    pub words: usize,
    pub full: Option<RoutineId>,
    pub tail: Option<RoutineId>,
}

/// What is known of rows of different lengths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RaggedSpec {
    /// Ids of the data set.
    pub held: usize,
    /// Ids of the longest row.
    pub longest: usize,
    /// Ids of a batch, or of the part of it that is taken at once: of the shortest rows, and of the longest.
    pub part: [usize; 2],
}

impl RaggedSpec {
    /// Sizes that batches are recorded for, at most.
    const MOST_SIZES: usize = 24;

    pub fn of(inputs: &Inputs, batch: usize) -> Option<RaggedSpec> {
        let lengths = || inputs.lengths();
        inputs.is_ragged().then(|| RaggedSpec::of_lengths(&lengths(), inputs.rows(), batch, batch))
    }

    /// That of `rows` rows, given as lengths with how many rows have each; a batch is taken `part` rows at a time.
    pub fn of_lengths(
        lengths: &BTreeMap<usize, usize>,
        rows: usize,
        batch: usize,
        part: usize,
    ) -> RaggedSpec {
        let (batch, part) = (batch.max(1), part.clamp(1, batch.max(1)));
        let tail = rows % batch;
        // Rows of the parts that there are.
        let parts = [part, batch % part, tail.min(part), tail % part];
        let fewest = parts.into_iter().filter(|&rows| rows > 0).min().unwrap_or(part);
        let longest = lengths.last_key_value().map_or(0, |(&length, _)| length);
        RaggedSpec {
            held: lengths.iter().map(|(length, rows)| length * rows).sum(),
            longest,
            part: [first_of(lengths.iter(), fewest), first_of(lengths.iter().rev(), part)],
        }
    }

    /// The ids that batches are recorded for, ascending, a quarter more each: a batch takes the first that has room for
    /// it, so that a step costs at most a quarter more than its ids, and a ninth in the mean.
    pub fn sizes(&self) -> Vec<usize> {
        let [least, most] = self.part;
        let mut sizes = vec![most.max(1)];
        while let Some(&last) = sizes.last()
            && last > least.max(1)
            && sizes.len() < Self::MOST_SIZES
        {
            sizes.push(last * 4 / 5);
        }
        sizes.retain(|&size| size > 0);
        sizes.reverse();
        sizes
    }
}

/// The elements of the first `rows` rows, given as lengths with how many rows have each.
fn first_of<'l>(lengths: impl Iterator<Item = (&'l usize, &'l usize)>, mut rows: usize) -> usize {
    let mut elements = 0;
    for (length, &count) in lengths {
        let taken = rows.min(count);
        elements += length * taken;
        rows -= taken;
    }
    elements
}

impl Feed {
    /// The runs of `repeats` equal parts of `rows` of a ragged data set: each batch by the smallest routine that has room
    /// for it.
    pub fn ragged_runs(
        &self,
        ragged: &RaggedFeed,
        inputs: &Inputs,
        rows: &[u32],
        repeats: usize,
    ) -> Result<Vec<Run>> {
        let mut runs: Vec<Run> = Vec::new();
        let part = (rows.len() / repeats.max(1)).max(1);
        for batch in rows.chunks_exact(part).flat_map(|part| part.chunks(self.batch)) {
            let words_of = |rows: &[u32]| -> usize {
                rows.iter().map(|&row| inputs.span(row as usize).len()).sum()
            };
            let words = batch.chunks(self.part).map(words_of).max().unwrap_or(0);
            let at = ragged.sizes.partition_point(|size| size.words < words);
            let size = ragged.sizes.get(at);
            let routine = size.and_then(|size| match batch.len() {
                rows if rows == self.batch => size.full,
                rows if rows == self.rows % self.batch => size.tail,
                _ => None,
            });
            let Some(routine) = routine else {
                return Err(Error::usage(format!(
                    "{} rows of {words} ids are no batch of this data set; give whole batches of {} or a whole epoch, each row once",
                    batch.len(),
                    self.batch
                )));
            };
            match runs.last_mut() {
                Some(run) if run.routine.0 == routine.0 => run.times += 1,
                _ => runs.push(Run { routine, times: 1 }),
            }
        }
        Ok(runs)
    }
}

impl Feed {
    /// Slots of the history that a batch of `rows` writes: one for each of its parts.
    pub fn slots(&self, rows: usize) -> usize {
        rows.div_ceil(self.part)
    }
}

/// What a feed needs to know of a data set.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeedSpec {
    pub rows: usize,
    pub batch: usize,
    /// Targets of a row; `None` where the targets are the inputs.
    pub target_width: Option<usize>,
    /// Whether rows have weights, which stand behind their targets.
    pub weighted: bool,
    pub purpose: Purpose,
    /// Where rows have different lengths.
    pub ragged: Option<RaggedSpec>,
    /// Numbers that a buffer of rows holds at most: few where the rows are in a file, and are more than memory shall hold.
    pub most: usize,
}

/// Numbers of rows of a file that are on the device at once: 16 MiB.
const WINDOW: usize = 4 << 20;

impl FeedSpec {
    /// Columns that are gathered beside the inputs: the targets and, behind them, the weight.
    pub fn gathered(&self) -> Option<usize> {
        self.target_width.map(|width| width + self.weighted as usize)
    }

    /// As [`FeedSpec::new`], of rows in memory or in a file, which is checked block by block.
    pub fn of(model: &Model, rows: Data<'_>, batch: usize, purpose: Purpose) -> Result<FeedSpec> {
        let Data::Filed(file) = rows else {
            return FeedSpec::new(model, rows.sample(), batch, purpose);
        };
        rows.for_each_block(|block| FeedSpec::new(model, block, batch, purpose).map(|_| ()))?;
        let spec = FeedSpec::new(model, rows.sample(), batch, purpose)?;
        let (count, batch) = (rows.rows(), batch.min(rows.rows()));
        let ragged =
            spec.ragged.map(|_| RaggedSpec::of_lengths(file.lengths(), count, batch, batch));
        Ok(FeedSpec { rows: count, batch, ragged, most: WINDOW, ..spec })
    }

    /// The same for batches that are taken so many rows at a time.
    pub fn in_parts(self, rows: Data<'_>, part: usize) -> FeedSpec {
        let of = |lengths: &BTreeMap<usize, usize>| {
            RaggedSpec::of_lengths(lengths, self.rows, self.batch, part)
        };
        let ragged = self.ragged.map(|_| match rows {
            Data::Held(dataset) => of(&dataset.inputs().lengths()),
            Data::Filed(file) => of(file.lengths()),
        });
        FeedSpec { ragged, ..self }
    }

    /// Checks that a data set goes with a model.
    ///
    /// # Errors
    /// [`Error::Model`] when widths do not fit, [`Error::Data`] names the row and the target that the loss
    /// cannot take.
    pub fn new(
        model: &Model,
        dataset: &Dataset,
        batch: usize,
        purpose: Purpose,
    ) -> Result<FeedSpec> {
        let (read, source) = (dataset.inputs(), dataset.source());
        if read.width() != model.input().width() {
            return Err(Error::Model(format!(
                "{source}: a row has {} elements, but the model reads {}",
                read.width(),
                model.input().width()
            )));
        }
        match read {
            Inputs::Ragged { .. } => check_ragged(model, read, source)?,
            _ => check_rows(model, read.as_rows(), source)?,
        }
        let loss = model.loss();
        if loss == Loss::NegativeSampling {
            return Err(Error::Model(
                "the model holds word vectors, which are trained by `wgslearn train words` and used by `neighbours`, `similar` and `encode`".into(),
            ));
        }
        let outputs = model.outputs();
        let (rows, batch) = (dataset.rows(), batch.min(dataset.rows()));
        let (ragged, most) = (RaggedSpec::of(read, batch), usize::MAX);
        let reads_ids = matches!(model.input(), Input::Ids { .. });
        if let (true, Targets::Inputs) = (reads_ids, dataset.targets()) {
            if !loss.has_accuracy() || model.embedding_rows() != Some(outputs) {
                return Err(Error::Model(format!(
                    "a model that gives its ids back has as many outputs as its table has rows, with softmax or sigmoid; this one has {outputs} outputs and the loss {}",
                    loss.name()
                )));
            }
            let (target_width, weighted) = (None, false);
            return Ok(FeedSpec { rows, batch, target_width, weighted, purpose, ragged, most });
        }
        check_targets(model, dataset)?;
        let target_width = match dataset.targets() {
            Targets::Inputs => None,
            Targets::Values { width, .. } => Some(*width),
        };
        // An evaluation is of the rows as they are.
        let weighted = purpose == Purpose::Training && !dataset.weights().is_empty();
        Ok(FeedSpec { rows, batch, target_width, weighted, purpose, ragged, most })
    }
}

/// Checks that a data set's targets are what a model's loss takes.
fn check_targets(model: &Model, dataset: &Dataset) -> Result<()> {
    let (loss, outputs) = (model.loss(), model.outputs());
    let objective = loss.objective();
    let width = dataset.target_width();
    let are_classes = objective.takes_classes() && width == 1;
    if width != outputs && !are_classes {
        return Err(Error::Model(format!(
            "{}: a row has {width} targets, but the model has {outputs} outputs; set the last layer's units to {width}",
            dataset.source()
        )));
    }
    for (i, &target) in dataset.target_values().iter().enumerate() {
        let row = i / width + 1;
        let is_class = target >= 0.0 && target < outputs as f32 && target.fract() == 0.0;
        let wrong = match (are_classes, is_class) {
            (true, true) => continue,
            (true, false) => format!(
                "row {row} has the class {target}, but the model has the classes 0 to {}",
                outputs - 1
            ),
            (false, _) => match objective.refuses(target) {
                None => continue,
                Some(why) => format!("row {row} has the target {target}, but {why}"),
            },
        };
        return Err(Error::Data { place: dataset.source().into(), message: wrong });
    }
    Ok(())
}

/// Checks that rows of different lengths are what a model reads.
pub(super) fn check_ragged(model: &Model, inputs: &Inputs, source: &str) -> Result<()> {
    if !super::fuse::reads_bags(model) {
        return Err(Error::Model(format!(
            "{source} has rows of different lengths, but the model reads rows of one: only a bag, or a mean over an embedding, has none"
        )));
    }
    match model.embedding_rows() {
        Some(rows) => check_ids_in(inputs, rows, source),
        None => Ok(()),
    }
}

/// Checks that rows are what a model reads.
pub(super) fn check_rows(model: &Model, rows: Rows<'_>, source: &str) -> Result<()> {
    let width = model.input().width();
    match (model.input(), rows) {
        (Input::Ids { .. }, Rows::Ids(values)) => {
            rows.check(width, source)?;
            match model.embedding_rows() {
                Some(table_rows) => check_ids_of(values, width, table_rows, source),
                None => Ok(()),
            }
        }
        (Input::Matrix { .. }, Rows::Matrix(_)) => rows.check(width, source),
        (Input::Ids { .. }, Rows::Matrix(_)) => {
            Err(Error::Model(format!("{source} holds features, but the model reads ids")))
        }
        (Input::Matrix { .. }, Rows::Ids(_)) => {
            Err(Error::Model(format!("{source} holds ids, but the model reads features")))
        }
    }
}

/// Writes a whole data set to a feed.
pub(super) fn upload(dataset: &Dataset, feed: &Feed, executor: &mut dyn Executor) -> Result<()> {
    write_inputs(dataset.inputs(), feed, executor)?;
    let Some(targets) = feed.targets else { return Ok(()) };
    if !feed.weighted {
        return executor.write_f32(targets, dataset.target_values());
    }
    // The weight of a row behind its targets.
    let rows = dataset.target_values().chunks_exact(dataset.target_width());
    let mut values = Vec::with_capacity(dataset.rows() * (dataset.target_width() + 1));
    for (row, &weight) in rows.zip(dataset.weights()) {
        values.extend_from_slice(row);
        values.push(weight);
    }
    executor.write_f32(targets, &values)
}

/// Writes rows, ragged or not, to a feed.
pub(super) fn write_inputs(
    inputs: &Inputs,
    feed: &Feed,
    executor: &mut dyn Executor,
) -> Result<()> {
    if let Some(ragged) = &feed.ragged {
        let spans = (0..inputs.rows()).map(|row| inputs.span(row));
        let spans: Vec<u32> =
            spans.flat_map(|span| [span.start as u32, span.len() as u32]).collect();
        executor.write_u32(ragged.spans, &spans)?;
        if inputs.as_rows().is_empty() {
            return Ok(());
        }
    }
    write_rows(inputs.as_rows(), feed.inputs, executor)
}

/// Writes rows to the start of a span.
pub(super) fn write_rows(rows: Rows<'_>, span: Span, executor: &mut dyn Executor) -> Result<()> {
    match rows {
        Rows::Ids(values) => executor.write_u32(span, values),
        Rows::Matrix(values) => executor.write_f32(span, values),
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::seq::SliceRandom;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::layers::{Activation, Layer};

    #[test]
    fn sizes_of_ragged_batches_hold_any_batch_and_little_more() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..500 {
            let count = rng.random_range(1..60);
            let longest = rng.random_range(1..50);
            let mut rows: Vec<usize> = (0..count).map(|_| rng.random_range(0..=longest)).collect();
            let batch = rng.random_range(1..=20.min(count));
            let part = rng.random_range(1..=batch);
            let mut lengths = BTreeMap::new();
            for &row in &rows {
                *lengths.entry(row).or_insert(0) += 1;
            }
            let spec = RaggedSpec::of_lengths(&lengths, count, batch, part);
            assert_eq!(spec.held, rows.iter().sum::<usize>());
            assert_eq!(Some(&spec.longest), rows.iter().max());
            // The batches of an epoch, taken in parts.
            let parts = |rows: &[usize]| -> Vec<usize> {
                let batches = rows.chunks(batch);
                batches.flat_map(|batch| batch.chunks(part)).map(|part| part.iter().sum()).collect()
            };
            for _ in 0..5 {
                rows.shuffle(&mut rng);
                assert!(parts(&rows).iter().all(|ids| (spec.part[0]..=spec.part[1]).contains(ids)));
            }
            // Both bounds are reached: by the longest rows in a part, and by the shortest in the least one.
            rows.sort_unstable();
            let least = parts(&vec![1; count]).into_iter().min().unwrap_or(0);
            assert_eq!(spec.part[0], rows[..least].iter().sum::<usize>());
            let most = rows.iter().rev().take(part).sum::<usize>();
            assert_eq!(spec.part[1], most);

            let sizes = spec.sizes();
            assert_eq!(sizes.last(), Some(&most.max(1)));
            assert!(sizes.len() <= RaggedSpec::MOST_SIZES && sizes[0] > 0);
            assert!(sizes.windows(2).all(|two| two[0] == two[1] * 4 / 5), "{sizes:?}");
            assert!(sizes.len() == RaggedSpec::MOST_SIZES || sizes[0] <= spec.part[0].max(1));
            assert!(sizes.len() == 1 || sizes[1] > spec.part[0].max(1), "none that no batch needs");
        }
    }

    /// Batches of 4 texts in parts of 2 need room for two texts.
    #[test]
    fn a_batch_in_parts_has_room_for_a_part() {
        let lengths = [1, 2, 3, 4, 5, 6, 7, 8];
        let ends: Vec<usize> = lengths
            .iter()
            .scan(0, |end, n| {
                *end += n;
                Some(*end)
            })
            .collect();
        let inputs = Inputs::Ragged { values: vec![1; 36], ends, length: 8 };
        let targets = Targets::Values { width: 1, values: vec![0.0; 8] };
        let dataset = Dataset::new(inputs, targets, "texts").expect("texts");
        let layers =
            vec![Layer::embedding(9, 2), Layer::mean_pool(), Layer::dense(1, Activation::Sigmoid)];
        let model = Model::new(Input::Ids { length: 8 }, layers, Loss::BinaryCrossentropy, 1);
        let model = model.expect("a model");
        let spec = FeedSpec::new(&model, &dataset, 4, Purpose::Training).expect("they fit");
        assert_eq!(spec.ragged.map(|of| (of.held, of.part)), Some((36, [10, 26])));
        let parts = spec.in_parts(Data::Held(&dataset), 2);
        assert_eq!(parts.ragged.map(|of| (of.held, of.part)), Some((36, [3, 15])));
        assert_eq!((parts.rows, parts.batch, parts.target_width), (8, 4, Some(1)));
    }

    #[test]
    fn a_target_that_a_loss_cannot_take_is_named_with_its_row() {
        let dataset = |width: usize, targets: &[f32]| {
            let rows = targets.len() / width;
            let inputs = Inputs::Matrix { features: 1, values: vec![0.5; rows] };
            let targets = Targets::Values { width, values: targets.to_vec() };
            Dataset::new(inputs, targets, "rows").expect("a data set")
        };
        let model = |outputs, activation, loss| {
            let layers = vec![Layer::dense(outputs, activation)];
            Model::new(Input::Matrix { features: 1 }, layers, loss, 1).expect("a model")
        };
        let says = |model: &Model, dataset: &Dataset| {
            let spec = FeedSpec::new(model, dataset, 2, Purpose::Training);
            spec.map(|spec| (spec.rows, spec.batch, spec.target_width))
                .map_err(|error| error.to_string())
        };
        let classes = model(3, Activation::Softmax, Loss::CategoricalCrossentropy);
        assert_eq!(says(&classes, &dataset(1, &[0.0, 1.0, 2.0])), Ok((3, 2, Some(1))));
        assert_eq!(says(&classes, &dataset(3, &[0.0, 1.0, 0.0])), Ok((1, 1, Some(3))));
        for (target, row) in [(3.0, 2), (-1.0, 2), (0.5, 2), (f32::MAX, 2)] {
            let error = says(&classes, &dataset(1, &[0.0, target])).expect_err("refused");
            assert!(error.contains(&format!("row {row} has the class {target}")), "{error}");
            assert!(error.contains("the classes 0 to 2"), "{error}");
        }
        let several = model(2, Activation::Sigmoid, Loss::BinaryCrossentropy);
        assert!(says(&several, &dataset(2, &[0.0, 1.0, 0.5, 1.0])).is_ok());
        for wrong in 0..4 {
            let mut targets = [0.0, 1.0, 0.0, 1.0];
            targets[wrong] = 1.5;
            let error = says(&several, &dataset(2, &targets)).expect_err("refused");
            assert!(
                error.contains(&format!("row {} has the target 1.5", wrong / 2 + 1)),
                "{error}"
            );
        }
        let error = says(&several, &dataset(3, &[0.0; 3])).expect_err("three of two");
        assert!(error.contains("3 targets, but the model has 2 outputs"), "{error}");
    }
}
