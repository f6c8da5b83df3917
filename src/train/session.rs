//! A model under training on a device: feeds its data, runs its steps, reads its weights.
//!
//! The host works by window, not by step: it writes the order of the rows, the rate of each
//! step and the counters, runs the steps in few submissions, and reads their losses back once.

use super::record::{Feed, FeedSpec, MAX_SLOTS, Purpose, Recording, Request, record};
use super::{Metrics, Profile, Trainer};
use std::time::Instant;

use crate::backend::{Device, Executor, HostTime};
use crate::data::{Dataset, Inputs, Targets};
use crate::error::{Error, Result};
use crate::kernels::Span;
use crate::kernels::embedding_replay::RATES;
use crate::kernels::state::{BASE, BATCH_STEP, CURSOR, LAST_SLOT, TABLE_ROWS};
use crate::model::{Input, Loss, Model, Parameter};
use crate::program::{Program, Run};

/// Rows of a step of an evaluation: many, since their number does not change the result, but not so
/// many that the values between layers take more than 16 MB.
fn evaluation_batch(model: &Model) -> usize {
    let widest = model.layer_shapes().iter().map(|shape| shape.width()).max().unwrap_or(1);
    ((1 << 22) / widest.max(1)).clamp(1, 256)
}

/// Elements that are read from a device at once, so that what is read needs no second copy.
const READ: usize = 1 << 22;

/// What to read of a session's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The weights.
    Weights,
    /// The gradients of the last step.
    Gradients,
    /// The optimizer's first array: Adam's first moment, SGD's velocity.
    FirstMoments,
    /// Adam's second moment.
    SecondMoments,
    /// The weights that early stopping keeps.
    BestWeights,
}

impl Role {
    /// The roles that a run's state is made of; gradients are computed anew.
    pub const STATE: [Role; 4] =
        [Role::Weights, Role::FirstMoments, Role::SecondMoments, Role::BestWeights];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Role::Weights => "weights",
            Role::Gradients => "gradients",
            Role::FirstMoments => "first_moments",
            Role::SecondMoments => "second_moments",
            Role::BestWeights => "best_weights",
        }
    }
}

/// What a run needs to go on: see [`Session::state`].
#[derive(Clone, Debug, PartialEq)]
pub struct SessionState {
    /// Optimizer steps done.
    pub step: u64,
    /// The model's parameters in each role.
    pub arrays: Vec<(Role, Vec<Parameter>)>,
}

/// A model under training on a device.
pub struct Session<'a> {
    model: Model,
    trainer: Trainer,
    recording: Recording,
    executor: Box<dyn Executor>,
    training: Source<'a>,
    validation: Option<Source<'a>>,
    /// Optimizer steps done.
    step: u64,
    /// Optimizer steps of the whole run, for the schedule.
    steps: u64,
    /// The step through which every row of a lazy table is up to date.
    flushed: u64,
}

/// A data set with its feed.
struct Source<'a> {
    dataset: &'a Dataset,
    feed: usize,
    /// Whether its rows are on the device.
    uploaded: bool,
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session(step {} of {})", self.step, self.steps)
    }
}

impl<'a> Session<'a> {
    /// Puts `model` and the data sets on `device`.
    ///
    /// # Errors
    /// [`Error::Model`] when data and model do not fit together, [`Error::Data`] when an id is
    /// outside the embedding, [`Error::Device`] when the device cannot hold them.
    pub fn new(
        model: &Model,
        trainer: &Trainer,
        training: &'a Dataset,
        validation: Option<&'a Dataset>,
        device: &Device,
    ) -> Result<Session<'a>> {
        Self::open(model, trainer, training, validation, device.max_binding_elements(), |program| {
            device.prepare(program)
        })
    }

    /// As [`Session::new`], with any executor: for the oracle in double precision.
    #[doc(hidden)]
    pub fn open(
        model: &Model,
        trainer: &Trainer,
        training: &'a Dataset,
        validation: Option<&'a Dataset>,
        max_binding: usize,
        prepare: impl FnOnce(&Program) -> Result<Box<dyn Executor>>,
    ) -> Result<Session<'a>> {
        trainer.check()?;
        let mut feeds = vec![feed_spec(model, training, trainer.batch_size, Purpose::Training)?];
        if let Some(dataset) = validation {
            let batch = trainer.batch_size.max(evaluation_batch(model));
            feeds.push(feed_spec(model, dataset, batch, Purpose::Evaluation)?);
        }
        let request = Request {
            model,
            feeds: &feeds,
            optimizer: Some(trainer.optimizer),
            seed: trainer.seed,
            keep_best: validation.is_some() && trainer.early_stopping.is_some(),
            frozen: trainer.frozen_layers,
            small: trainer.small_steps,
            lazy: trainer.lazy_updates,
            max_binding,
        };
        let (recording, executor) = place(&request, prepare)?;
        let per_epoch = training.rows().div_ceil(feeds[0].batch) as u64;
        Ok(Session {
            model: model.skeleton(),
            trainer: trainer.clone(),
            recording,
            executor,
            training: Source { dataset: training, feed: 0, uploaded: false },
            validation: validation.map(|dataset| Source { dataset, feed: 1, uploaded: false }),
            step: 0,
            steps: per_epoch * trainer.epochs as u64,
            flushed: 0,
        })
    }

    /// A session that can only [`Session::evaluate`]: nothing of training is made. `seed` is of the
    /// noise, where the model has any.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn evaluation(
        model: &Model,
        dataset: &'a Dataset,
        seed: u64,
        device: &Device,
    ) -> Result<Session<'a>> {
        let feeds = [feed_spec(model, dataset, evaluation_batch(model), Purpose::Evaluation)?];
        let (recording, executor) = build_inference(model, &feeds, seed, device)?;
        let source = || Source { dataset, feed: 0, uploaded: false };
        Ok(Session {
            model: model.skeleton(),
            trainer: Trainer::default(),
            recording,
            executor,
            training: source(),
            validation: Some(source()),
            step: 0,
            steps: 0,
            flushed: 0,
        })
    }

    /// Epochs that can share one read-back of losses: 0 when one epoch alone is too long.
    pub fn epochs_at_once(&self) -> usize {
        let feed = &self.recording.feeds[self.training.feed];
        if feed.resident < feed.rows {
            return 0;
        }
        (MAX_SLOTS / feed.rows.div_ceil(feed.batch)).min(feed.order.len / feed.rows)
    }

    /// Trains whole epochs, numbered from 0, and returns the mean loss and accuracy of each.
    ///
    /// # Errors
    /// [`Error::Training`] when a loss is no finite number, [`Error::Device`] when the device fails.
    pub fn train(&mut self, epochs: std::ops::Range<usize>) -> Result<Vec<Metrics>> {
        let at_once = self.epochs_at_once();
        if at_once == 0 {
            return epochs.map(|epoch| self.train_rows(&self.order(epoch))).collect();
        }
        let mut metrics = Vec::new();
        let mut start = epochs.start;
        while start < epochs.end {
            let end = epochs.end.min(start + at_once);
            let order: Vec<u32> = (start..end).flat_map(|epoch| self.order(epoch)).collect();
            let totals = self.window(Purpose::Training, &order, end - start)?;
            metrics
                .extend(totals.into_iter().map(|total| self.metrics(total, self.training.dataset)));
            start = end;
        }
        Ok(metrics)
    }

    /// Trains the batches of these rows, in this order, and returns their mean loss.
    ///
    /// # Errors
    /// As [`Session::train`].
    pub fn train_rows(&mut self, rows: &[u32]) -> Result<Metrics> {
        let total = self.windows(Purpose::Training, rows)?;
        Ok(self.metrics(total, self.training.dataset))
    }

    /// Measures what a step costs, by training a few: the session is spent afterwards.
    ///
    /// # Errors
    /// As [`Session::train`].
    pub fn profile(mut self) -> Result<Profile> {
        /// Steps that are timed, and those whose dispatches are timed one by one.
        const STEPS: [usize; 2] = [64, 15];
        let feed = self.recording.feeds[self.training.feed].clone();
        let Some((routine, batch)) = feed
            .full
            .or(feed.whole)
            .map(|routine| (routine, feed.batch))
            .or(feed.tail.map(|routine| (routine, feed.rows % feed.batch)))
        else {
            return Err(Error::usage("there is no step to profile"));
        };
        let mut order = self.order(0);
        order.truncate(order.len().min(feed.resident) / batch.max(1) * batch);
        let most = STEPS[0].min(feed.order.len / batch);
        let rows: Vec<u32> = order.iter().copied().cycle().take(most * batch).collect();
        let repeats = match feed.resident < feed.rows {
            // Streamed: one window of the rows that are resident.
            true => order.len() / batch,
            false => most,
        };
        let rows = &rows[..repeats * batch];
        // Twice to warm up: the first step of a routine runs alone.
        self.window(Purpose::Training, rows, repeats)?;
        self.window(Purpose::Training, rows, repeats)?;
        let (before, started) = (self.executor.host_time(), Instant::now());
        self.window(Purpose::Training, rows, repeats)?;
        let step = started.elapsed().as_secs_f64() / repeats as f64;
        let after = self.executor.host_time();
        let part = |after: f64, before: f64| (after - before) / repeats as f64;
        let host = HostTime {
            writing: part(after.writing, before.writing),
            recording: part(after.recording, before.recording),
            waiting: part(after.waiting, before.waiting),
            reading: part(after.reading, before.reading),
        };
        reset_counters(&self.recording, self.step, self.executor.as_mut())?;
        if feed.whole.is_some() {
            // One dispatch does all of them.
            let mut timings = self.executor.profile(routine, 1)?;
            timings.iter_mut().for_each(|timing| timing.seconds /= repeats as f64);
            return Ok(Profile::new(batch, step, host, &timings));
        }
        let timings = self.executor.profile(routine, STEPS[1].min(repeats))?;
        Ok(Profile::new(batch, step, host, &timings))
    }

    /// Mean loss and accuracy over the validation rows, with the weights as they are.
    ///
    /// # Errors
    /// As [`Session::train`].
    pub fn evaluate(&mut self) -> Result<Option<Metrics>> {
        let Some(dataset) = self.validation.as_ref().map(|source| source.dataset) else {
            return Ok(None);
        };
        self.flush()?;
        let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
        let total = self.windows(Purpose::Evaluation, &rows)?;
        Ok(Some(self.metrics(total, dataset)))
    }

    /// Whether [`Session::keep_best`] keeps weights on the device. Large models have no room for
    /// them there; the trainer keeps them in the model that it was given.
    pub(super) fn keeps_best_on_device(&self) -> bool {
        self.recording.segments.iter().any(|segment| segment.best.is_some())
    }

    /// Keeps the weights as they are, on the device, for [`Session::restore_best`].
    ///
    /// # Errors
    /// [`Error::Device`] when the device fails.
    pub fn keep_best(&mut self) -> Result<()> {
        self.flush()?;
        for segment in &self.recording.segments {
            if let Some(best) = segment.best {
                self.executor.copy(segment.weights, best)?;
            }
        }
        Ok(())
    }

    /// Puts the kept weights back.
    ///
    /// # Errors
    /// [`Error::Device`] when the device fails.
    pub fn restore_best(&mut self) -> Result<()> {
        self.flush()?;
        for segment in &self.recording.segments {
            if let Some(best) = segment.best {
                self.executor.copy(best, segment.weights)?;
            }
        }
        Ok(())
    }

    /// Reads the model's parameters, or what the optimizer keeps beside each.
    ///
    /// # Errors
    /// [`Error::Device`] when the device fails.
    pub fn read(&mut self, role: Role) -> Result<Vec<Parameter>> {
        let blank = |p: &Parameter| Parameter { values: vec![0.0; p.count()], ..p.clone() };
        let mut parameters: Vec<Parameter> = self.parameters_of(role).iter().map(blank).collect();
        self.read_into(role, &mut parameters)?;
        Ok(parameters)
    }

    /// As [`Session::read`], into parameters of the right shapes.
    ///
    /// # Errors
    /// [`Error::Device`] when the device fails.
    pub(super) fn read_into(&mut self, role: Role, parameters: &mut [Parameter]) -> Result<()> {
        self.flush()?;
        let skipped = parameters.len() - self.parameters_of(role).len();
        let spans = self.recording.spans(role)?;
        let executor = self.executor.as_mut();
        let parts = parameters[skipped..].iter_mut().map(|p| &mut p.values[..]);
        each_part(&spans, parts.collect(), |span, values: &mut [f32]| {
            for (i, values) in values.chunks_mut(READ).enumerate() {
                let read = executor.read_f32(span.part(i * READ, values.len()))?;
                values.copy_from_slice(&read);
            }
            Ok(())
        })
    }

    /// The parameters that a role has, without values: all for weights, else those that learn.
    fn parameters_of(&self, role: Role) -> &[Parameter] {
        let frozen = match role {
            Role::Weights => 0,
            _ => self.model.parameters_before(self.trainer.frozen_layers),
        };
        &self.model.parameters()[frozen..]
    }

    /// Writes what [`Session::read`] read.
    ///
    /// # Errors
    /// [`Error::Model`] when the parameters are not the model's, [`Error::Device`] when the
    /// device fails.
    pub fn write(&mut self, role: Role, parameters: &[Parameter]) -> Result<()> {
        let own = self.parameters_of(role).iter().map(|p| (&p.name, &p.shape));
        if !own.eq(parameters.iter().map(|p| (&p.name, &p.shape))) {
            return Err(Error::Model("the saved parameters are those of another model".into()));
        }
        self.flush()?;
        write_parameters(&self.recording.spans(role)?, parameters, self.executor.as_mut())
    }

    /// What a run needs to go on from here: weights and moments, the best weights where they are
    /// kept, and the optimizer's step.
    ///
    /// # Errors
    /// [`Error::Device`] when the device fails.
    pub fn state(&mut self) -> Result<SessionState> {
        let mut arrays = Vec::new();
        for role in Role::STATE {
            if self.recording.spans(role).is_ok() {
                arrays.push((role, self.read(role)?));
            }
        }
        Ok(SessionState { step: self.step, arrays })
    }

    /// Goes back to a state.
    ///
    /// # Errors
    /// As [`Session::write`].
    pub fn restore(&mut self, state: &SessionState) -> Result<()> {
        for (role, parameters) in &state.arrays {
            self.write(*role, parameters)?;
        }
        self.step = state.step;
        if let Some(lazy) = self.recording.lazy {
            let steps = vec![self.step as u32; lazy.steps.len];
            self.executor.write_u32(lazy.steps, &steps)?;
        }
        self.flushed = self.step;
        Ok(())
    }

    /// Brings every row of a lazy table up to the last step done.
    fn flush(&mut self) -> Result<()> {
        let Some(lazy) = self.recording.lazy.filter(|_| self.flushed < self.step) else {
            return Ok(());
        };
        // An evaluation may have moved the counters since.
        reset_counters(&self.recording, self.step, self.executor.as_mut())?;
        self.executor.run(&[Run { routine: lazy.flush, times: 1 }])?;
        self.flushed = self.step;
        Ok(())
    }

    /// Before `slots` steps of a window: writes their rates for a lazy table, and settles it where a
    /// row's lag could exceed the rates that are kept.
    fn write_rates(&mut self, rates: &[f32]) -> Result<()> {
        self.executor.write_f32(self.recording.schedule, rates)?;
        let Some(lazy) = self.recording.lazy else { return Ok(()) };
        if self.step - self.flushed + rates.len() as u64 >= RATES as u64 {
            self.flush()?;
        }
        let at = (self.step as usize + 1) % RATES;
        let (to_end, rest) = rates.split_at(rates.len().min(RATES - at));
        self.executor.write_f32(lazy.rates.part(at, to_end.len()), to_end)?;
        match rest.is_empty() {
            true => Ok(()),
            false => self.executor.write_f32(lazy.rates, rest),
        }
    }

    /// The order in which an epoch takes the training rows.
    pub fn order(&self, epoch: usize) -> Vec<u32> {
        let rows = self.training.dataset.rows();
        match self.trainer.shuffle {
            true => crate::data::permutation(rows, self.trainer.seed, epoch as u64),
            false => (0..rows as u32).collect(),
        }
    }

    fn metrics(&self, total: Total, dataset: &Dataset) -> Metrics {
        let elements = match self.model.loss() {
            Loss::CategoricalCrossentropy => 1,
            Loss::BinaryCrossentropy | Loss::Mse | Loss::NegativeSampling => self.model.outputs(),
        };
        // Of an autoencoder's outputs nearly all are right from the start.
        let has_accuracy =
            self.model.loss().has_accuracy() && *dataset.targets() != Targets::Inputs;
        let count = (total.rows * elements) as f64;
        Metrics { loss: total.loss / count, accuracy: has_accuracy.then(|| total.right / count) }
    }

    /// Runs over `rows` in windows that fit the history and the resident rows.
    fn windows(&mut self, purpose: Purpose, rows: &[u32]) -> Result<Total> {
        let source = self.source(purpose);
        let feed = &self.recording.feeds[source.feed];
        // Whole batches, so that windows do not change which rows share one.
        let most = match feed.resident >= feed.rows {
            true => MAX_SLOTS * feed.batch,
            false => feed.resident.min(MAX_SLOTS * feed.batch),
        };
        let mut sum = Total::default();
        for window in rows.chunks(most) {
            for total in self.window(purpose, window, 1)? {
                sum.add(total);
            }
        }
        Ok(sum)
    }

    fn source(&self, purpose: Purpose) -> &Source<'a> {
        match (purpose, &self.validation) {
            (Purpose::Evaluation, Some(source)) => source,
            _ => &self.training,
        }
    }

    /// Runs `repeats` times the batches of an equal part of `rows`, and returns each part's totals.
    fn window(&mut self, purpose: Purpose, rows: &[u32], repeats: usize) -> Result<Vec<Total>> {
        let source = self.source(purpose);
        let (dataset, feed) = (source.dataset, self.recording.feeds[source.feed].clone());
        let uploaded = source.uploaded;
        if feed.resident < feed.rows {
            // Streamed: the window's rows go to the device in the order in which they are taken.
            upload(dataset, rows, &feed, self.executor.as_mut())?;
            let order: Vec<u32> = (0..rows.len() as u32).collect();
            self.executor.write_u32(feed.order, &order)?;
            // An evaluation takes the rows in the data set's order, and numbers them by it.
            self.executor.write_u32(self.recording.state.part(BASE, 1), &rows[..1])?;
        } else {
            if !uploaded {
                upload_all(dataset, &feed, self.executor.as_mut())?;
                match (purpose, &mut self.validation) {
                    (Purpose::Evaluation, Some(source)) => source.uploaded = true,
                    _ => self.training.uploaded = true,
                }
            }
            self.executor.write_u32(feed.order, rows)?;
        }

        let part = rows.len() / repeats;
        let (full, tail) = (part / feed.batch, part % feed.batch);
        let slots = (full + (tail > 0) as usize) * repeats;
        if purpose == Purpose::Training {
            let rate = |i| {
                self.trainer.optimizer.rate(self.trainer.schedule, self.step + 1 + i, self.steps)
            };
            let rates: Vec<f32> = (0..slots as u64).map(rate).collect();
            self.write_rates(&rates)?;
        }
        reset_counters(&self.recording, self.step, self.executor.as_mut())?;

        let mut runs = Vec::new();
        if let Some(routine) = feed.whole {
            let ends = self.recording.state.part(LAST_SLOT, 2);
            self.executor.write_u32(ends, &[slots as u32, part as u32])?;
            runs.push(Run { routine, times: slots.div_ceil(self.recording.steps_at_once) });
        }
        for _ in 0..if feed.whole.is_some() { 0 } else { repeats } {
            runs.extend(feed.full.map(|routine| Run { routine, times: full }));
            if tail > 0 {
                let Some(routine) = feed.tail.filter(|_| tail == feed.rows % feed.batch) else {
                    return Err(Error::usage(format!(
                        "{part} rows end in a batch of {tail}; give whole batches of {} or a whole epoch",
                        feed.batch
                    )));
                };
                runs.push(Run { routine, times: 1 });
            }
        }
        self.executor.run(&runs)?;
        if purpose == Purpose::Training {
            self.step += slots as u64;
        }

        let history = self.recording.history.part(0, slots * feed.groups * 2);
        let entries = self.executor.read_f32(history)?;
        let mut totals = Vec::new();
        for entries in entries.chunks_exact(entries.len() / repeats) {
            let mut total = Total { rows: part, ..Total::default() };
            for entry in entries.chunks_exact(2) {
                total.loss += entry[0] as f64;
                total.right += entry[1] as f64;
            }
            if !total.loss.is_finite() {
                return Err(Error::Training(format!(
                    "the loss is no finite number any more (around step {}); try a smaller learning rate",
                    self.step
                )));
            }
            totals.push(total);
        }
        Ok(totals)
    }
}

/// Sums over rows.
#[derive(Clone, Copy, Default)]
struct Total {
    rows: usize,
    loss: f64,
    right: f64,
}

impl Total {
    fn add(&mut self, other: Total) {
        self.rows += other.rows;
        self.loss += other.loss;
        self.right += other.right;
    }
}

/// Checks that a data set goes with a model.
fn feed_spec(model: &Model, dataset: &Dataset, batch: usize, purpose: Purpose) -> Result<FeedSpec> {
    check_inputs(model, dataset.inputs(), dataset.source())?;
    if model.loss() == Loss::NegativeSampling {
        return Err(Error::Model(
            "the model holds word vectors, which are trained by `wgslearn train words` and used by `neighbours`, `similar` and `encode`".into(),
        ));
    }
    let outputs = model.outputs();
    let wrong = |message: String| Err(Error::Data { place: dataset.source().into(), message });
    if let (Inputs::Ids { .. }, Targets::Inputs) = (dataset.inputs(), dataset.targets()) {
        if model.loss() == Loss::Mse || model.embedding_rows() != Some(outputs) {
            return Err(Error::Model(format!(
                "a model that gives its ids back has as many outputs as its table has rows, with softmax or sigmoid; this one has {outputs} outputs and the loss {}",
                model.loss().name()
            )));
        }
        let (rows, batch) = (dataset.rows(), batch.min(dataset.rows()));
        return Ok(FeedSpec { rows, batch, target_width: None, purpose });
    }
    let width = dataset.target_width();
    let classes = model.loss() == Loss::CategoricalCrossentropy && width == 1;
    if width != outputs && !classes {
        return Err(Error::Model(format!(
            "{}: a row has {width} targets, but the model has {outputs} outputs; set the last layer's units to {width}",
            dataset.source()
        )));
    }
    for (i, &target) in dataset.target_values().iter().enumerate() {
        let row = i / width + 1;
        if classes && !(target >= 0.0 && target < outputs as f32 && target.fract() == 0.0) {
            return wrong(format!(
                "row {row} has the class {target}, but the model has the classes 0 to {}",
                outputs - 1
            ));
        }
        if model.loss() == Loss::BinaryCrossentropy && !(0.0..=1.0).contains(&target) {
            return wrong(format!(
                "row {row} has the target {target}, but binary_crossentropy takes targets from 0 to 1; scale them or use mse"
            ));
        }
    }
    Ok(FeedSpec {
        rows: dataset.rows(),
        batch: batch.min(dataset.rows()),
        target_width: match dataset.targets() {
            Targets::Inputs => None,
            Targets::Values { width, .. } => Some(*width),
        },
        purpose,
    })
}

/// Checks that inputs are what a model reads.
pub(super) fn check_inputs(model: &Model, inputs: &Inputs, source: &str) -> Result<()> {
    match (model.input(), inputs) {
        (Input::Ids { .. }, Inputs::Ids { .. }) | (Input::Matrix { .. }, Inputs::Matrix { .. }) => {
        }
        (Input::Ids { .. }, _) => {
            return Err(Error::Model(format!("{source} holds features, but the model reads ids")));
        }
        (Input::Matrix { .. }, _) => {
            return Err(Error::Model(format!("{source} holds ids, but the model reads features")));
        }
    }
    if inputs.width() != model.input().width() {
        return Err(Error::Model(format!(
            "{source}: a row has {} elements, but the model reads {}",
            inputs.width(),
            model.input().width()
        )));
    }
    match model.embedding_rows() {
        Some(rows) => crate::data::check_ids(inputs, rows, source),
        None => Ok(()),
    }
}

/// Records a model, makes its buffers, and writes its weights.
pub(super) fn place(
    request: &Request<'_>,
    prepare: impl FnOnce(&Program) -> Result<Box<dyn Executor>>,
) -> Result<(Recording, Box<dyn Executor>)> {
    let recording = record(request)?;
    let mut executor = prepare(&recording.program)?;
    let spans = recording.spans(Role::Weights)?;
    write_parameters(&spans, request.model.parameters(), executor.as_mut())?;
    if let Some(words) = &recording.small {
        executor.write_u32(recording.state.part(TABLE_ROWS, words.len()), words)?;
    }
    Ok((recording, executor))
}

/// As [`place`], for feeds that do not train.
pub(super) fn build_inference(
    model: &Model,
    feeds: &[FeedSpec],
    seed: u64,
    device: &Device,
) -> Result<(Recording, Box<dyn Executor>)> {
    let request = Request {
        model,
        feeds,
        optimizer: None,
        seed,
        keep_best: false,
        frozen: 0,
        small: false,
        lazy: false,
        max_binding: device.max_binding_elements(),
    };
    place(&request, |program| device.prepare(program))
}

/// Writes a model's parameters to the spans of its pieces.
fn write_parameters(
    spans: &[Span],
    parameters: &[Parameter],
    executor: &mut dyn Executor,
) -> Result<()> {
    let values = parameters.iter().map(|parameter| &parameter.values[..]).collect();
    each_part(spans, values, |span, values: &[f32]| executor.write_f32(span, values))
}

/// Something that can be cut in two: a slice.
trait Cut: Sized {
    fn len(&self) -> usize;
    fn cut(self, at: usize) -> (Self, Self);
}

impl Cut for &[f32] {
    fn len(&self) -> usize {
        <[f32]>::len(self)
    }
    fn cut(self, at: usize) -> (Self, Self) {
        self.split_at(at)
    }
}

impl Cut for &mut [f32] {
    fn len(&self) -> usize {
        <[f32]>::len(self)
    }
    fn cut(self, at: usize) -> (Self, Self) {
        self.split_at_mut(at)
    }
}

/// Walks through spans and slices of the same length in all, cut differently, and calls `work`
/// with each stretch that both have in one piece: a span may hold the end of a kernel and its bias,
/// and a kernel may lie in several spans.
fn each_part<S: Cut>(
    spans: &[Span],
    slices: Vec<S>,
    mut work: impl FnMut(Span, S) -> Result<()>,
) -> Result<()> {
    let mut spans = spans.iter();
    let mut span = spans.next().copied();
    let mut done = 0;
    for mut slice in slices {
        while let (Some(current), true) = (span, slice.len() > 0) {
            let len = slice.len().min(current.len - done);
            let (part, rest) = slice.cut(len);
            work(current.part(done, len), part)?;
            slice = rest;
            done += len;
            if done == current.len {
                (span, done) = (spans.next().copied(), 0);
            }
        }
    }
    Ok(())
}

/// Sets the counters before a run: the order's first row, `step` steps done, the first slot.
pub(super) fn reset_counters(
    recording: &Recording,
    step: u64,
    executor: &mut dyn Executor,
) -> Result<()> {
    // CURSOR, STEP and SLOT; an evaluation moves STEP too, so it is set each time.
    let counters = recording.state.part(CURSOR, BATCH_STEP - CURSOR);
    executor.write_u32(counters, &[0, step as u32, 0])
}

/// Writes a whole data set to its feed.
fn upload_all(dataset: &Dataset, feed: &Feed, executor: &mut dyn Executor) -> Result<()> {
    write_inputs(dataset.inputs(), feed.inputs, executor)?;
    match feed.targets {
        Some(targets) => executor.write_f32(targets, dataset.target_values()),
        None => Ok(()),
    }
}

/// Writes these rows of a data set to its feed.
fn upload(dataset: &Dataset, rows: &[u32], feed: &Feed, executor: &mut dyn Executor) -> Result<()> {
    let rows: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
    upload_all(&dataset.take(&rows), feed, executor)
}

/// Writes inputs to the start of a span.
pub(super) fn write_inputs(inputs: &Inputs, span: Span, executor: &mut dyn Executor) -> Result<()> {
    match inputs {
        Inputs::Ids { values, .. } => executor.write_u32(span, values),
        Inputs::Matrix { values, .. } => executor.write_f32(span, values),
    }
}
