//! A model under training on a device: feeds its data, runs its steps, reads its weights.
//!
//! The host works by window, not by step: it writes the order of the rows, the rate of each
//! step and the counters, runs the steps in few submissions, and reads their losses back once.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::feed::{Feed, FeedSpec, upload, write_inputs, write_rows};
use super::pace::Pace;
use super::parameters::{
    Role, build, build_inference, find_non_finite, read_parameters, write_parameters,
};
use super::record::{MAX_SLOTS, Recording, Request};
use super::{BatchReport, Metrics, Trainer};
use crate::backend::{Device, Executor};
use crate::data::{BlockSizes, Data, Dataset, Order, Targets};
use crate::error::{Divergence, Error, Result, not_finite};
use crate::kernels::embedding_replay::RATES;
use crate::kernels::state::{BASE, BATCH_STEP, CURSOR, LAST_SLOT};
use crate::layers::plan::Purpose;
use crate::model::{Input, Model, Parameter};
use crate::program::{Program, Run};

/// The error of rows that end in a batch of which no routine was recorded.
fn not_whole(rows: usize, tail: usize, batch: usize) -> Error {
    Error::usage(format!(
        "{rows} rows end in a batch of {tail}; give whole batches of {batch} or a whole epoch"
    ))
}

/// Rows of a step of an evaluation: many, since their number does not change the result, but not so
/// many that the values between layers take more than 16 MB.
fn evaluation_batch(model: &Model) -> usize {
    let widest = model.layer_shapes().iter().map(|shape| shape.width()).max().unwrap_or(1);
    ((1 << 22) / widest.max(1)).clamp(1, 256)
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
    pub(super) model: Model,
    pub(super) trainer: Trainer,
    pub(super) recording: Recording,
    pub(super) executor: Box<dyn Executor>,
    pub(super) training: Source<'a>,
    pub(super) validation: Option<Source<'a>>,
    /// How training rows are shuffled.
    pub(super) sizes: BlockSizes,
    /// Optimizer steps done.
    pub(super) step: u64,
    /// Optimizer steps of the whole run, for the schedule.
    pub(super) steps: u64,
    /// The step through which every row of a lazy table is up to date.
    pub(super) flushed: u64,
    /// Optimizer steps of an epoch.
    per_epoch: u64,
    /// Steps of a piece of an epoch.
    pace: Pace,
    /// The batches since they were last taken, where somebody watches.
    batches: Option<Vec<BatchReport>>,
    /// Mean loss of the first batch trained: what the first weights are worth.
    first_loss: Option<f64>,
}

/// Rows with their feed.
pub(super) struct Source<'a> {
    pub(super) rows: Data<'a>,
    pub(super) feed: usize,
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
        Session::of(model, trainer, Data::Held(training), validation, device)
    }

    /// As [`Session::new`], of rows in memory or in a file.
    pub(crate) fn of(
        model: &Model,
        trainer: &Trainer,
        training: Data<'a>,
        validation: Option<&'a Dataset>,
        device: &Device,
    ) -> Result<Session<'a>> {
        let max_binding = device.max_binding_elements();
        let prepare = |program: &Program| device.prepare(program);
        Session::open_rows(model, trainer, training, validation, max_binding, prepare)
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
        let training = Data::Held(training);
        Session::open_rows(model, trainer, training, validation, max_binding, prepare)
    }

    fn open_rows(
        model: &Model,
        trainer: &Trainer,
        training: Data<'a>,
        validation: Option<&'a Dataset>,
        max_binding: usize,
        prepare: impl FnOnce(&Program) -> Result<Box<dyn Executor>>,
    ) -> Result<Session<'a>> {
        trainer.check(model)?;
        let mut feeds = vec![FeedSpec::of(model, training, trainer.batch_size, Purpose::Training)?];
        if let Some(rows) = trainer.micro_batch {
            feeds[0] = feeds[0].in_parts(training, rows);
        }
        if let Some(rows) = trainer.micro_batch
            && feeds[0].batch.div_ceil(rows) > MAX_SLOTS
        {
            return Err(Error::usage(format!(
                "micro_batch is {rows}, which cuts a batch of {} rows into {} parts, but there can be {MAX_SLOTS} at most",
                feeds[0].batch,
                feeds[0].batch.div_ceil(rows)
            )));
        }
        if let Some(dataset) = validation {
            let batch = match trainer.sampled_classes(model) {
                // A training step has not so many outputs.
                Some(_) => evaluation_batch(model),
                None => trainer.batch_size.max(evaluation_batch(model)),
            };
            let batch = trainer.micro_batch.map_or(batch, |rows| rows.min(batch));
            feeds.push(FeedSpec::new(model, dataset, batch, Purpose::Evaluation)?);
            if trainer.monitor.is_some() {
                feeds.push(FeedSpec {
                    target_width: None,
                    purpose: Purpose::Prediction,
                    ..feeds[1]
                });
            }
        }
        if validation.is_none() {
            if trainer.early_stopping.is_some() {
                return Err(Error::usage(
                    "early stopping needs rows to validate on; give a validation data set, or no early stopping",
                ));
            }
            if let Some(monitor) = &trainer.monitor {
                return Err(Error::usage(format!(
                    "{} is to be watched, but there are no rows to validate on; give a validation data set",
                    monitor.name()
                )));
            }
        }
        if let Some(augment) = &trainer.augment {
            let width = match model.input() {
                Input::Matrix { features } => Some(features),
                Input::Ids { .. } => None,
            };
            augment.check(width, model.outputs())?;
        }
        let request = Request {
            model,
            feeds: &feeds,
            optimizer: Some(trainer.optimizer),
            clip: trainer.clip,
            micro_batch: trainer.micro_batch,
            recompute: trainer.recompute,
            label_smoothing: trainer.label_smoothing,
            sampled_classes: trainer.sampled_classes(model),
            augment: trainer.augment,
            seed: trainer.seed,
            keep_best: validation.is_some() && trainer.early_stopping.is_some(),
            frozen: trainer.frozen_layers,
            fusions: trainer.fusions,
            max_binding,
            fewer_rows: &[],
        };
        if request.sampled_classes.is_some() && feeds[0].target_width != Some(1) {
            return Err(Error::usage(
                "sampled_classes goes with targets that are the number of a class, one for a row",
            ));
        }
        let (recording, mut executor) = build(&request, |program, _| prepare(program))?;
        if let Some(candidates) = &recording.candidates {
            let mut counts = vec![0; model.outputs()];
            training.for_each_block(|block| {
                block.target_values().iter().for_each(|&class| counts[class as usize] += 1);
                Ok(())
            })?;
            executor.write_f32(candidates.offsets, &candidates.offsets_of(&counts))?;
        }
        let per_epoch = training.rows().div_ceil(feeds[0].batch) as u64;
        Ok(Session {
            model: model.skeleton(),
            trainer: trainer.clone(),
            recording,
            executor,
            training: Source { rows: training, feed: 0, uploaded: false },
            validation: validation.map(|rows| Source {
                rows: Data::Held(rows),
                feed: 1,
                uploaded: false,
            }),
            sizes: BlockSizes::default(),
            step: 0,
            steps: per_epoch * trainer.epochs as u64,
            flushed: 0,
            per_epoch,
            pace: Pace::new(),
            batches: None,
            first_loss: None,
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
        let feeds = [FeedSpec::new(model, dataset, evaluation_batch(model), Purpose::Evaluation)?];
        let (recording, executor) = build_inference(model, &feeds, seed, device)?;
        let source = || Source { rows: Data::Held(dataset), feed: 0, uploaded: false };
        Ok(Session {
            model: model.skeleton(),
            trainer: Trainer::default(),
            recording,
            executor,
            training: source(),
            validation: Some(source()),
            sizes: BlockSizes::default(),
            step: 0,
            steps: 0,
            flushed: 0,
            per_epoch: 1,
            pace: Pace::new(),
            batches: None,
            first_loss: None,
        })
    }

    /// Epochs that can share one read-back of losses: 0 when one epoch alone is too long.
    pub fn epochs_at_once(&self) -> usize {
        let feed = &self.recording.feeds[self.training.feed];
        if feed.streamed {
            return 0;
        }
        let slots =
            feed.rows / feed.batch * feed.slots(feed.batch) + feed.slots(feed.rows % feed.batch);
        (MAX_SLOTS / slots).min(feed.order.len / feed.rows)
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
            let sums = self.window(Purpose::Training, &order, end - start, Sums::default())?;
            let of = |sums| self.metrics(Purpose::Training, sums, self.training.rows);
            metrics.extend(sums.into_iter().map(of));
            start = end;
        }
        Ok(metrics)
    }

    /// Trains what is left of an epoch of which `done` is done, in pieces of about a quarter of a second. Between two, `goes_on` is
    /// asked; where it does not, there are no metrics, and `done` says how far the epoch got. Pieces change no bit, of
    /// weights or of losses.
    ///
    /// # Errors
    /// As [`Session::train`], and those of `goes_on`.
    pub(super) fn train_rest(
        &mut self,
        epoch: usize,
        done: &mut Sums,
        goes_on: &mut dyn FnMut(&mut Self, Sums) -> Result<bool>,
    ) -> Result<Option<Metrics>> {
        let order = self.order_of(epoch);
        let (order, ahead) = (&order.rows, &order);
        while done.rows < order.len() {
            if let Data::Filed(file) = self.training.rows {
                file.expect(ahead.next_blocks(done.rows));
            }
            let feed = &self.recording.feeds[self.training.feed];
            let rows = (self.pace.steps() * feed.batch).min(window_rows(feed));
            let rows = rows.min(order.len() - done.rows);
            let started = Instant::now();
            let rows = &order[done.rows..done.rows + rows];
            if let Some(sums) = self.window(Purpose::Training, rows, 1, *done)?.first() {
                *done = *sums;
            }
            self.pace.took(started.elapsed());
            if done.rows < order.len() && !goes_on(self, *done)? {
                return Ok(None);
            }
        }
        Ok(Some(self.metrics(Purpose::Training, *done, self.training.rows)))
    }

    /// Trains the batches of these rows, in this order, and returns their mean loss.
    ///
    /// # Errors
    /// As [`Session::train`].
    pub fn train_rows(&mut self, rows: &[u32]) -> Result<Metrics> {
        let sums = self.windows(Purpose::Training, rows)?;
        Ok(self.metrics(Purpose::Training, sums, self.training.rows))
    }

    /// Trains on a batch, or several, that the data of the session do not hold: for a loop over batches that come from
    /// an iterator. The data that the session was made with say what such rows are like and how many there may be. Its
    /// rows are taken in their order, in batches as large as the session's; a last one with fewer rows is refused, but
    /// for as many as an epoch of the session ends with.
    ///
    /// # Errors
    /// As [`Session::train`] and [`Session::new`]; [`Error::Usage`] when the batch has other targets or weights than
    /// the session's data, more rows, rows of different lengths, or a last batch of another size.
    pub fn train_on_batch(&mut self, batch: &Dataset) -> Result<Metrics> {
        let (own, source) = (self.training.rows.sample(), batch.source());
        let feed = self.recording.feeds[self.training.feed].clone();
        let purpose = Purpose::Training;
        let spec = FeedSpec::new(&self.model, batch, self.trainer.batch_size, purpose)?;
        if spec.ragged.is_some() || feed.ragged.is_some() {
            return Err(Error::usage(format!(
                "{source}: rows of different lengths are trained on as a session's data; pad them to train by the batch"
            )));
        }
        if (spec.target_width, spec.weighted) != (feed.target_width, feed.weighted) {
            return Err(Error::usage(format!(
                "{source} has other targets or weights of rows than {}, which the session was made for",
                own.source()
            )));
        }
        let most = window_rows(&feed).min(feed.resident).min(feed.order.len);
        if batch.rows() > most {
            return Err(Error::usage(format!(
                "{source} has {} rows, but the session holds {most} at once; give fewer rows at a time, or make it with more",
                batch.rows()
            )));
        }
        let tail = batch.rows() % feed.batch;
        if tail > 0 && tail != feed.rows % feed.batch {
            return Err(not_whole(batch.rows(), tail, feed.batch));
        }
        // The session's own rows are no longer there.
        self.training.uploaded = false;
        let order = self.put(batch, &feed)?;
        let sums = self.steps_of(purpose, batch, &order, 1, Sums::default())?;
        let sums = sums.first().copied().unwrap_or_default();
        Ok(self.metrics(Purpose::Training, sums, Data::Held(batch)))
    }

    /// Mean loss and accuracy over the validation rows, with the weights as they are.
    ///
    /// # Errors
    /// As [`Session::train`].
    pub fn evaluate(&mut self) -> Result<Option<Metrics>> {
        let Some(dataset) = self.validation.as_ref().map(|source| source.rows) else {
            return Ok(None);
        };
        self.flush()?;
        let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
        let sums = self.windows(Purpose::Evaluation, &rows)?;
        Ok(Some(self.metrics(Purpose::Evaluation, sums, dataset)))
    }

    /// The metric that is watched, over the validation rows with the weights as they are: its name and its value.
    ///
    /// # Errors
    /// As [`Session::train`], and what the metric refuses.
    pub fn monitored(&mut self) -> Result<Option<(String, f64)>> {
        let (Some(monitor), Some(source)) = (self.trainer.monitor.clone(), &self.validation) else {
            return Ok(None);
        };
        // The rows of an evaluation are in memory.
        let dataset = source.rows.sample();
        self.flush()?;
        let outputs = self.validation_outputs(dataset)?;
        let value = monitor.compute(&outputs, self.model.outputs(), dataset)?;
        if value.is_nan() {
            let (step, epoch) = (self.step, self.epoch_of(self.step));
            let what = format!("the metric {} became NaN", monitor.name());
            return Err(Error::Diverged(Divergence { what, step, epoch, parameter: None }));
        }
        Ok(Some((monitor.name(), value)))
    }

    /// The model's outputs for the validation rows, `[rows, outputs]`.
    fn validation_outputs(&mut self, dataset: &Dataset) -> Result<Vec<f32>> {
        let prediction = self.recording.feeds.get(2).cloned().zip(self.recording.store);
        let Some((feed, store)) = prediction else {
            return Err(Error::usage("this session was not made to watch a metric"));
        };
        let width = dataset.inputs().width();
        let mut outputs = Vec::with_capacity(dataset.rows() * self.model.outputs());
        let mut first = 0;
        while first < dataset.rows() {
            let rows = feed.resident.min(dataset.rows() - first);
            let order: Vec<u32> = (0..rows as u32).collect();
            let full = feed.full.map(|routine| Run { routine, times: rows / feed.batch });
            let tail = feed.tail.filter(|_| rows % feed.batch > 0);
            let tail = tail.map(|routine| Run { routine, times: 1 });
            let mut runs: Vec<Run> = full.into_iter().chain(tail).collect();
            match &feed.ragged {
                Some(ragged) => {
                    let part: Vec<usize> = (first..first + rows).collect();
                    let part = dataset.inputs().take(&part);
                    write_inputs(&part, &feed, self.executor.as_mut())?;
                    runs = feed.ragged_runs(ragged, &part, &order, 1)?;
                }
                None => {
                    let part = first * width..(first + rows) * width;
                    let part = dataset.inputs().as_rows().part(part);
                    write_rows(part, feed.inputs, self.executor.as_mut())?;
                }
            }
            self.executor.write_u32(feed.order, &order)?;
            reset_counters(&self.recording, 0, self.executor.as_mut())?;
            self.executor.run(&runs)?;
            outputs.extend(self.executor.read_f32(store.part(0, rows * self.model.outputs()))?);
            first += rows;
        }
        Ok(outputs)
    }

    /// Whether the losses of single batches are kept for [`Session::take_batches`].
    pub fn watch_batches(&mut self, watch: bool) {
        self.batches = watch.then(Vec::new);
    }

    /// The batches that were trained since the last call, where [`Session::watch_batches`] was asked for.
    pub fn take_batches(&mut self) -> Vec<BatchReport> {
        self.batches.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Another learning rate from the next step on, in place of the optimizer's; the schedule's factor goes on top.
    ///
    /// # Errors
    /// [`Error::Usage`] when it is out of range.
    pub fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()> {
        let optimizer = self.trainer.optimizer.with_learning_rate(learning_rate);
        optimizer.check()?;
        self.trainer.optimizer = optimizer;
        Ok(())
    }

    /// The learning rate, without the schedule's factor.
    pub fn learning_rate(&self) -> f64 {
        self.trainer.optimizer.learning_rate()
    }

    /// Rows of a step that are on the device at once, where these are not all.
    pub(super) fn micro_batch(&self) -> Option<usize> {
        self.trainer.micro_batch
    }

    /// Optimizer steps of the first epochs.
    pub(super) fn steps_through(&self, epochs: usize) -> u64 {
        self.per_epoch * epochs as u64
    }

    /// Takes the mean loss of a run's first batch, where it is known.
    pub(super) fn set_first_loss(&mut self, loss: Option<f64>) {
        self.first_loss = loss;
    }

    /// Mean loss of the first batch that was trained.
    pub(super) fn first_loss(&self) -> Option<f64> {
        self.first_loss
    }

    /// Optimizer steps done.
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// Whether [`Session::keep_best`] keeps weights on the device. Large models have no room for
    /// them there; the trainer keeps them in the model that it was given.
    pub(super) fn keeps_best_on_device(&self) -> bool {
        self.recording.places().segments.iter().any(|segment| segment.best.is_some())
    }

    /// Keeps the weights as they are, on the device, for [`Session::restore_best`].
    ///
    /// # Errors
    /// [`Error::Device`] when the device fails.
    pub fn keep_best(&mut self) -> Result<()> {
        self.flush()?;
        for segment in &self.recording.places().segments {
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
        for segment in &self.recording.places().segments {
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
        let mut parameters: Vec<Parameter> =
            self.parameters_of(role).into_iter().map(blank).collect();
        self.flush()?;
        let spans = self.recording.spans(role)?;
        read_parameters(&spans, &mut parameters, self.executor.as_mut())?;
        Ok(parameters)
    }

    /// As [`Session::read`] of the weights, into the parameters of the whole model.
    ///
    /// # Errors
    /// [`Error::Device`] when the device fails.
    pub(super) fn read_weights_into(&mut self, parameters: &mut [Parameter]) -> Result<()> {
        self.flush()?;
        let spans = self.recording.spans(Role::Weights)?;
        read_parameters(&spans, parameters, self.executor.as_mut())
    }

    /// The parameters that a role has, without values: all for weights, else those that are not frozen, and of
    /// gradients and moments those that learn.
    fn parameters_of(&self, role: Role) -> Vec<&Parameter> {
        let frozen = match role {
            Role::Weights => 0,
            _ => self.model.parameters_before(self.trainer.frozen_layers),
        };
        let all = self.model.parameters().iter().zip(self.model.are_statistics()).skip(frozen);
        all.filter(|(_, is_statistic)| role.has_statistics() || !is_statistic)
            .map(|(parameter, _)| parameter)
            .collect()
    }

    /// Writes what [`Session::read`] read.
    ///
    /// # Errors
    /// [`Error::Model`] when the parameters are not the model's, [`Error::Device`] when the
    /// device fails.
    pub fn write(&mut self, role: Role, parameters: &[Parameter]) -> Result<()> {
        let own = self.parameters_of(role).into_iter().map(|p| (&p.name, &p.shape));
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
        if let Some(replay) = self.recording.space.replay() {
            let steps = vec![self.step as u32; replay.steps.len];
            self.executor.write_u32(replay.steps, &steps)?;
        }
        self.flushed = self.step;
        Ok(())
    }

    /// Brings every row of a lazy table up to the last step done.
    fn flush(&mut self) -> Result<()> {
        let Some(replay) = self.recording.space.replay().filter(|_| self.flushed < self.step)
        else {
            return Ok(());
        };
        // An evaluation may have moved the counters since.
        reset_counters(&self.recording, self.step, self.executor.as_mut())?;
        self.executor.run(&[Run { routine: replay.flush, times: 1 }])?;
        self.flushed = self.step;
        Ok(())
    }

    /// Before `slots` steps of a window: writes their rates for a lazy table, and settles it where a
    /// row's lag could exceed the rates that are kept.
    fn write_rates(&mut self, rates: &[f32]) -> Result<()> {
        self.executor.write_f32(self.recording.space.schedule, rates)?;
        let Some(replay) = self.recording.space.replay() else { return Ok(()) };
        if self.step - self.flushed + rates.len() as u64 >= RATES as u64 {
            self.flush()?;
        }
        let at = (self.step as usize + 1) % RATES;
        let (to_end, rest) = rates.split_at(rates.len().min(RATES - at));
        self.executor.write_f32(replay.rates.part(at, to_end.len()), to_end)?;
        match rest.is_empty() {
            true => Ok(()),
            false => self.executor.write_f32(replay.rates, rest),
        }
    }

    /// The order in which an epoch takes the training rows: drawn over all of them or, where they take more than 256 MiB,
    /// over blocks of them and within groups of blocks.
    pub fn order(&self, epoch: usize) -> Vec<u32> {
        self.order_of(epoch).rows
    }

    /// Shuffles rows by blocks of other sizes: small ones, for tests.
    #[cfg(test)]
    pub(crate) fn shuffle_by(&mut self, sizes: BlockSizes) {
        self.sizes = sizes;
    }

    /// What it was recorded for, for tests.
    #[cfg(test)]
    pub(super) fn feeds(&self) -> &[Feed] {
        &self.recording.feeds
    }

    fn order_of(&self, epoch: usize) -> Order {
        let Trainer { shuffle, seed, .. } = self.trainer;
        self.training.rows.order(self.sizes, shuffle, seed, epoch as u64)
    }

    fn metrics(&self, purpose: Purpose, sums: Sums, rows: Data<'_>) -> Metrics {
        let elements = self.model.loss().objective().elements(self.model.outputs());
        // Of an autoencoder's outputs nearly all are right from the start.
        let has_accuracy =
            self.model.loss().has_accuracy() && *rows.sample().targets() != Targets::Inputs;
        // An answer is right among the candidates more easily than among all classes.
        let samples = purpose == Purpose::Training && self.recording.candidates.is_some();
        let has_accuracy = has_accuracy && !samples;
        let count = (sums.rows * elements) as f64;
        Metrics { loss: sums.loss / count, accuracy: has_accuracy.then(|| sums.right / count) }
    }

    /// Runs over `rows` in windows that fit the history and the resident rows.
    fn windows(&mut self, purpose: Purpose, rows: &[u32]) -> Result<Sums> {
        let source = self.source(purpose);
        let known = source.rows.rows();
        if let Some(row) = rows.iter().find(|&&row| row as usize >= known) {
            return Err(Error::usage(format!(
                "row {row} is asked for, but {} has the rows 0 to {}",
                source.rows.sample().source(),
                known - 1
            )));
        }
        if rows.is_empty() {
            return Err(Error::usage("no rows are asked for, so there is no loss to tell"));
        }
        let most = window_rows(&self.recording.feeds[source.feed]);
        let mut sums = Sums::default();
        for window in rows.chunks(most) {
            if let Some(found) = self.window(purpose, window, 1, sums)?.first() {
                sums = *found;
            }
        }
        Ok(sums)
    }

    fn source(&self, purpose: Purpose) -> &Source<'a> {
        match (purpose, &self.validation) {
            (Purpose::Evaluation, Some(source)) => source,
            _ => &self.training,
        }
    }

    /// Runs `repeats` times the batches of an equal part of `rows`, and returns each part's sums; the first part's are
    /// added to those `before` it, one batch after the other, so that they do not depend on where windows end.
    pub(super) fn window(
        &mut self,
        purpose: Purpose,
        rows: &[u32],
        repeats: usize,
        before: Sums,
    ) -> Result<Vec<Sums>> {
        let source = self.source(purpose);
        let (data, feed) = (source.rows, self.recording.feeds[source.feed].clone());
        let uploaded = source.uploaded;
        let held = match data {
            Data::Held(dataset) if !feed.streamed => dataset,
            _ => {
                // Streamed: the window's rows go to the device in the order in which they are taken.
                let taken = data.take(rows)?;
                let order = self.put(&taken, &feed)?;
                // An evaluation takes the rows in the data set's order, and numbers them by it. Training rows would leave
                // their number to an evaluation that is not streamed.
                if purpose == Purpose::Evaluation {
                    let base = self.recording.space.state.part(BASE, 1);
                    self.executor.write_u32(base, &rows[..1])?;
                }
                return self.steps_of(purpose, &taken, &order, repeats, before);
            }
        };
        if !uploaded {
            upload(held, &feed, self.executor.as_mut())?;
            match (purpose, &mut self.validation) {
                (Purpose::Evaluation, Some(source)) => source.uploaded = true,
                _ => self.training.uploaded = true,
            }
        }
        self.executor.write_u32(feed.order, rows)?;
        self.steps_of(purpose, held, rows, repeats, before)
    }

    /// Puts rows into a feed, to be taken as they lie, and returns their order there.
    fn put(&mut self, rows: &Dataset, feed: &Feed) -> Result<Vec<u32>> {
        upload(rows, feed, self.executor.as_mut())?;
        let order: Vec<u32> = (0..rows.rows() as u32).collect();
        self.executor.write_u32(feed.order, &order)?;
        Ok(order)
    }

    /// The steps of a [`Session::window`] whose rows and whose order are on the device.
    fn steps_of(
        &mut self,
        purpose: Purpose,
        dataset: &Dataset,
        rows: &[u32],
        repeats: usize,
        before: Sums,
    ) -> Result<Vec<Sums>> {
        let feed = self.recording.feeds[self.source(purpose).feed].clone();
        let part = rows.len() / repeats;
        let (full, tail) = (part / feed.batch, part % feed.batch);
        let steps = (full + (tail > 0) as usize) * repeats;
        // The rows of each step, and the slots of the history that its parts write.
        let batches: Vec<(usize, usize)> = (0..steps)
            .map(|i| match (i + 1) % (steps / repeats) {
                0 if tail > 0 => (tail, feed.slots(tail)),
                _ => (feed.batch, feed.slots(feed.batch)),
            })
            .collect();
        let slots: usize = batches.iter().map(|(_, slots)| slots).sum();
        if purpose == Purpose::Training {
            let optimizer = self.trainer.optimizer;
            let rate =
                |step| optimizer.learning_rate() * self.trainer.schedule.factor(step, self.steps);
            let by_slot = |value: &dyn Fn(u64) -> f64| -> Vec<f32> {
                let steps = batches.iter().zip(self.step + 1..);
                steps.flat_map(|(&(_, slots), step)| vec![value(step) as f32; slots]).collect()
            };
            if optimizer.reads_rates() {
                self.executor.write_f32(self.recording.space.rates, &by_slot(&rate))?;
            }
            let rates = by_slot(&|step| optimizer.step_size(rate(step), step));
            self.write_rates(&rates)?;
        }
        reset_counters(&self.recording, self.step, self.executor.as_mut())?;

        let mut runs = Vec::new();
        if let Some(ragged) = &feed.ragged {
            runs = feed.ragged_runs(ragged, dataset.inputs(), rows, repeats)?;
        }
        if let Some(routine) = feed.whole {
            let ends = self.recording.space.state.part(LAST_SLOT, 2);
            self.executor.write_u32(ends, &[slots as u32, part as u32])?;
            runs.push(Run { routine, times: steps.div_ceil(self.recording.steps_at_once) });
        }
        let is_told = feed.whole.is_some() || feed.ragged.is_some();
        for _ in 0..if is_told { 0 } else { repeats } {
            runs.extend(feed.full.map(|routine| Run { routine, times: full }));
            if tail > 0 {
                let Some(routine) = feed.tail.filter(|_| tail == feed.rows % feed.batch) else {
                    return Err(not_whole(part, tail, feed.batch));
                };
                runs.push(Run { routine, times: 1 });
            }
        }
        self.executor.run(&runs)?;
        if purpose == Purpose::Training {
            self.step += steps as u64;
        }

        let history = self.recording.history.part(0, slots * feed.groups * 2);
        let entries = self.executor.read_f32(history)?;
        let elements = self.model.loss().objective().elements(self.model.outputs());
        let mean_loss = |entries: &[f32], rows: usize| {
            let sum: f64 = entries.iter().step_by(2).map(|&loss| loss as f64).sum();
            sum / (rows * elements) as f64
        };
        let mut found = Vec::new();
        let (mut sums, mut rest) = (before, &entries[..]);
        for (i, &(rows, slots)) in batches.iter().enumerate() {
            let (entries, behind) = rest.split_at(slots * feed.groups * 2);
            rest = behind;
            if purpose == Purpose::Training {
                let step = self.step + 1 + i as u64 - steps as u64;
                if self.first_loss.is_none() {
                    self.first_loss = Some(mean_loss(entries, rows));
                }
                if let Some(batches) = &mut self.batches {
                    batches.push(BatchReport { step, rows, loss: mean_loss(entries, rows) });
                }
            }
            sums.rows += rows;
            for entry in entries.chunks_exact(2) {
                sums.loss += entry[0] as f64;
                sums.right += entry[1] as f64;
            }
            if !sums.loss.is_finite() {
                return Err(self.diverged(purpose, sums.loss, (steps - 1 - i) as u64));
            }
            if (i + 1) % (steps / repeats) == 0 {
                found.push(std::mem::take(&mut sums));
            }
        }
        Ok(found)
    }

    /// The error of a loss that is no finite number, `back` steps before the last that was done.
    fn diverged(&mut self, purpose: Purpose, loss: f64, back: u64) -> Error {
        let value = not_finite(loss);
        let parameter = self.non_finite().ok().flatten();
        match purpose {
            _ if self.steps == 0 => Error::Training(format!(
                "the loss is {value}: the model gives numbers that are too large for these rows, or none; check the rows' values, or train the model again at a smaller learning rate"
            )),
            Purpose::Training => {
                let step = self.step - back.min(self.step);
                let epoch = self.epoch_of(step);
                Error::Diverged(Divergence {
                    what: format!("the loss became {value}"),
                    step,
                    epoch,
                    parameter,
                })
            }
            _ => {
                let (step, epoch) = (self.step, self.epoch_of(self.step));
                let what = format!("the validation loss became {value}");
                Error::Diverged(Divergence { what, step, epoch, parameter })
            }
        }
    }

    /// The epoch of a step, both from 1.
    fn epoch_of(&self, step: u64) -> usize {
        (step.max(1) - 1) as usize / self.per_epoch.max(1) as usize + 1
    }

    /// The first weight that is NaN or infinite, as words: its parameter, what it is, and where.
    fn non_finite(&mut self) -> Result<Option<String>> {
        self.flush()?;
        let spans = self.recording.spans(Role::Weights)?;
        let lengths = self.model.parameters().iter().map(Parameter::count);
        let found = find_non_finite(&spans, lengths, self.executor.as_mut())?;
        Ok(found.map(|(n, at, value)| {
            let parameter = &self.model.parameters()[n];
            format!("{} holds {value} at {at} of {}", parameter.name, parameter.count())
        }))
    }

    /// Holds the bits of every weight against NaN and infinity.
    ///
    /// # Errors
    /// [`Error::Diverged`] names the parameter, [`Error::Device`] when the device fails.
    pub fn check_weights(&mut self) -> Result<()> {
        let Some(found) = self.non_finite()? else { return Ok(()) };
        let (step, epoch) = (self.step, self.epoch_of(self.step));
        let what = "a weight became NaN or infinite".to_owned();
        Err(Error::Diverged(Divergence { what, step, epoch, parameter: Some(found) }))
    }
}

/// Rows of a window at most. Whole batches, so that windows do not change which rows share one.
fn window_rows(feed: &Feed) -> usize {
    let most = (MAX_SLOTS / feed.slots(feed.batch)).max(1) * feed.batch;
    match feed.streamed {
        true => feed.resident.min(most),
        false => most,
    }
}

/// Sums over the rows of an epoch that are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// How many rows.
    pub rows: usize,
    /// Their losses.
    pub loss: f64,
    /// Right answers among them.
    pub right: f64,
}

/// Sets the counters before a run: the order's first row, `step` steps done, the first slot.
pub(super) fn reset_counters(
    recording: &Recording,
    step: u64,
    executor: &mut dyn Executor,
) -> Result<()> {
    // CURSOR, STEP and SLOT; an evaluation moves STEP too, so it is set each time.
    let counters = recording.space.state.part(CURSOR, BATCH_STEP - CURSOR);
    executor.write_u32(counters, &[0, step as u32, 0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Inputs, Targets};
    use crate::layers::{Activation, Layer};
    use crate::train::{End, EpochReport, Fusions, History, Schedule};
    use crate::{Device, Input, Loss};

    /// Rows of one number, whose target is it.
    fn rows(values: Vec<f32>) -> Dataset {
        let inputs = Inputs::Matrix { features: 1, values: values.clone() };
        Dataset::new(inputs, Targets::Values { width: 1, values }, "rows").expect("a data set")
    }

    fn line() -> Model {
        let layers = vec![Layer::dense(1, Activation::Linear)];
        Model::new(Input::Matrix { features: 1 }, layers, Loss::Mse, 1).expect("a model")
    }

    fn trainer(batch_size: usize) -> Trainer {
        Trainer { batch_size, shuffle: false, ..Trainer::default() }
    }

    #[test]
    fn evaluations_take_as_many_rows_as_keep_values_small() {
        let wide = |features: usize| {
            let layers = vec![Layer::dense(3, Activation::Linear)];
            let model = Model::new(Input::Matrix { features }, layers, Loss::Mse, 1);
            evaluation_batch(&model.expect("a model"))
        };
        assert_eq!([wide(1), wide(1 << 14), (wide(1 << 15)), wide(1 << 20)], [256, 256, 128, 4]);
        assert_eq!(wide((1 << 22) + 1), 1);
    }

    #[test]
    fn epochs_share_a_history_while_it_has_slots() {
        let model = line();
        let device = Device::cpu();
        let at_once = |count: usize, batch: usize, micro_batch: Option<usize>| {
            let dataset = rows(vec![0.5; count]);
            let trainer = Trainer { micro_batch, ..trainer(batch) };
            let session = Session::new(&model, &trainer, &dataset, None, &device);
            session.expect("a session").epochs_at_once()
        };
        // 1,024 slots: a step has one, or as many as it has parts.
        assert_eq!(at_once(16, 16, None), 1024);
        assert_eq!(at_once(40, 16, None), 1024 / 3);
        assert_eq!(at_once(7, 16, None), 1024);
        assert_eq!(at_once(1024, 1, None), 1);
        assert_eq!(at_once(1025, 1, None), 0);
        assert_eq!(at_once(40, 16, Some(4)), 1024 / (4 + 4 + 2));
        // And while its order has room.
        assert_eq!(at_once(1000, 1000, None), (1 << 18) / 1000);
    }

    /// A row that no loss can be told of stands at a known place.
    #[test]
    fn a_loss_that_is_no_number_is_told_with_its_step_and_epoch() {
        let model = line();
        let device = Device::cpu();
        for fusions in [Fusions::ALL, Fusions::NONE] {
            for at in [0, 3, 4, 9] {
                let mut values = vec![0.0; 10];
                values[at] = 1e30;
                let dataset = rows(values);
                let trainer = Trainer { fusions, epochs: 3, ..trainer(4) };
                let fitted = trainer.fit_to_end(
                    &mut model.clone(),
                    &dataset,
                    None,
                    &device,
                    &mut |_: EpochReport| (),
                );
                let fitted = fitted.expect("it ends in order");
                let End::Diverged(told) = &fitted.end else { panic!("{:?}", fitted.end) };
                let step = at as u64 / 4 + 1;
                assert_eq!((told.step, told.epoch), (step, 1), "{fusions:?}: {told:?}");
                assert_eq!(fitted.history, History::default(), "no epoch was done");
            }
        }
    }

    #[test]
    fn steps_belong_to_epochs_by_their_number() {
        let dataset = rows(vec![0.0; 10]);
        let (model, device) = (line(), Device::cpu());
        let mut session =
            Session::new(&model, &trainer(4), &dataset, None, &device).expect("a session");
        session.per_epoch = 3;
        let epochs: Vec<usize> = (0..=7).map(|step| session.epoch_of(step)).collect();
        assert_eq!(epochs, [1, 1, 1, 1, 2, 2, 2, 3]);
        session.per_epoch = 0;
        assert_eq!(session.epoch_of(2), 2, "no division by none");
        assert_eq!(session.micro_batch(), None);
        let parts = Trainer { micro_batch: Some(3), ..trainer(4) };
        let session = Session::new(&model, &parts, &dataset, None, &device).expect("a session");
        assert_eq!(session.micro_batch(), Some(3));
    }

    #[test]
    fn batches_of_a_loop_are_as_large_as_the_session_holds() {
        let (model, device) = (line(), Device::cpu());
        let dataset = rows((0..10).map(|i| i as f32 / 10.0).collect());
        let mut session =
            Session::new(&model, &trainer(4), &dataset, None, &device).expect("a session");
        for (count, fits) in [
            (4, true),
            (8, true),
            (10, true),
            (2, true),
            (3, false),
            (1, false),
            (11, false),
            (12, false),
        ] {
            let found = session.train_on_batch(&rows(vec![0.25; count]));
            assert_eq!(found.is_ok(), fits, "{count} rows");
        }
        assert_eq!(session.step, 1 + 2 + 3 + 1);
    }

    /// Errors of a batch that many workgroups sum, each in a place of its own of the history, and of its rest.
    #[test]
    fn a_loss_is_the_mean_over_all_elements_of_a_batch_however_many() {
        let (count, batch, outputs) = (70, 32, 700);
        let layers = vec![Layer::dense(outputs, Activation::Linear)];
        let mut model = Model::new(Input::Matrix { features: 1 }, layers, Loss::Mse, 1);
        let model = model.as_mut().expect("a model");
        model.parameters_mut()[0].values.fill(0.0);
        let target = |row: usize, output: usize| ((7 * row + output) % 13) as f32 / 13.0;
        let values: Vec<f32> = (0..count)
            .flat_map(|row| (0..outputs).map(move |output| target(row, output)))
            .collect();
        let mean =
            values.iter().map(|&value| (value as f64).powi(2)).sum::<f64>() / values.len() as f64;
        let inputs = Inputs::Matrix { features: 1, values: vec![1.0; count] };
        let targets = Targets::Values { width: outputs, values };
        let dataset = Dataset::new(inputs, targets, "rows").expect("a data set");
        let optimizer = crate::Optimizer::default().with_learning_rate(0.0);
        for micro_batch in [None, Some(5)] {
            let trainer = Trainer { optimizer, micro_batch, ..trainer(batch) };
            let mut session =
                Session::new(model, &trainer, &dataset, Some(&dataset), &Device::cpu())
                    .expect("a session");
            session.watch_batches(true);
            let trained = session.train(0..2).expect("two epochs");
            for (i, told) in session.take_batches().into_iter().enumerate() {
                let rows = [0..32, 32..64, 64..70][i % 3].clone();
                let of = rows.clone().flat_map(|row| (0..outputs).map(move |i| target(row, i)));
                let of = of.map(|value| (value as f64).powi(2)).sum::<f64>();
                let expected = of / (rows.len() * outputs) as f64;
                assert!((told.loss - expected).abs() < 1e-6 * expected, "batch {i}");
            }
            let validated = session.evaluate().expect("an evaluation");
            for metrics in trained.iter().chain(&validated) {
                assert!((metrics.loss - mean).abs() < 1e-6 * mean, "{} for {mean}", metrics.loss);
            }
        }
    }

    /// Rows of a window: whole batches, as many as the history has slots for and the device holds.
    #[test]
    fn windows_are_whole_batches_that_fit_the_history_and_the_device() {
        let (model, device) = (line(), Device::cpu());
        let of = |count: usize, batch: usize, micro_batch: Option<usize>| {
            let trainer = Trainer { micro_batch, ..trainer(batch) };
            let dataset = rows(vec![0.5; count]);
            let session = Session::new(&model, &trainer, &dataset, None, &device);
            window_rows(&session.expect("a session").feeds()[0])
        };
        assert_eq!(of(5000, 4, None), 4096);
        assert_eq!(of(5000, 1000, None), 1_024_000);
        assert_eq!(of(5000, 1000, Some(300)), 256_000);
        assert_eq!(of(5000, 1024, Some(1)), 1024);
        let parts = Trainer { micro_batch: Some(1), ..trainer(1025) };
        let many = rows(vec![0.5; 5000]);
        let error = Session::new(&model, &parts, &many, None, &device);
        let error = error.expect_err("more parts than slots").to_string();
        assert!(error.contains("into 1025 parts, but there can be 1024"), "{error}");
        let fusions = Fusions::ALL.with_small_steps(false);
        let trainer = Trainer { fusions, ..trainer(16) };
        let dataset = rows(vec![0.5; 5000]);
        let prepare = |program: &Program| Device::cpu().prepare(program);
        let session = Session::open(&model, &trainer, &dataset, None, 1000, prepare);
        assert_eq!(window_rows(&session.expect("a session").feeds()[0]), 992);
    }

    /// What an epoch tells does not depend on where windows end, and each batch is told with its step, rows and loss.
    #[test]
    fn batches_are_told_one_by_one_where_they_are_watched() {
        let (model, device) = (line(), Device::cpu());
        let values: Vec<f32> = (0..10).map(|i| i as f32 / 10.0).collect();
        let dataset = rows(values.clone());
        let optimizer = crate::Optimizer::default().with_learning_rate(0.0);
        let slope = model.parameters()[0].values[0] as f64;
        let loss = |rows: std::ops::Range<usize>| {
            let of = |&value: &f32| (value as f64 * (slope - 1.0)).powi(2);
            values[rows.clone()].iter().map(of).sum::<f64>() / rows.len() as f64
        };
        for (fusions, micro_batch) in
            [(Fusions::ALL, None), (Fusions::NONE, None), (Fusions::NONE, Some(3))]
        {
            let trainer = Trainer { fusions, optimizer, micro_batch, ..trainer(4) };
            let mut session =
                Session::new(&model, &trainer, &dataset, None, &device).expect("a session");
            assert_eq!((session.first_loss(), session.steps_done()), (None, 0));
            assert!(session.take_batches().is_empty());
            session.train(0..1).expect("an epoch");
            assert!(session.take_batches().is_empty(), "nobody watches");
            let near = |found: f64, expected: f64| (found - expected).abs() < 1e-6 * expected;
            assert!(session.first_loss().is_some_and(|found| near(found, loss(0..4))));
            session.watch_batches(true);
            let found = session.train(1..3).expect("two epochs");
            assert!(found.iter().all(|epoch| near(epoch.loss, loss(0..10))));
            let told = session.take_batches();
            let steps: Vec<u64> = told.iter().map(|batch| batch.step).collect();
            let counts: Vec<usize> = told.iter().map(|batch| batch.rows).collect();
            assert_eq!((steps, counts), (vec![4, 5, 6, 7, 8, 9], vec![4, 4, 2, 4, 4, 2]));
            for (i, batch) in told.iter().enumerate() {
                let first = i % 3 * 4;
                assert!(near(batch.loss, loss(first..first + batch.rows)), "{batch:?}");
            }
            session.watch_batches(false);
            session.train_rows(&[0, 1, 2, 3]).expect("a batch");
            assert!(session.take_batches().is_empty());
            assert_eq!((session.steps_through(3), session.steps_done()), (9, 10));
            session.set_first_loss(Some(0.25));
            assert_eq!(session.first_loss(), Some(0.25));
        }
    }

    #[test]
    fn the_best_weights_lie_on_the_device_where_a_run_may_go_back_to_them() {
        let (model, device) = (line(), Device::cpu());
        let dataset = rows(vec![0.5; 8]);
        let early = Some(crate::train::EarlyStopping { patience: 1 });
        let keeps = |early_stopping, validation: Option<&Dataset>| {
            let trainer = Trainer { early_stopping, ..trainer(4) };
            let session = Session::new(&model, &trainer, &dataset, validation, &device);
            session.expect("a session").keeps_best_on_device()
        };
        assert!(keeps(early, Some(&dataset)));
        assert!(!keeps(None, Some(&dataset)) && !keeps(None, None));
    }

    #[test]
    fn a_metric_is_watched_over_the_validation_rows() {
        let device = Device::cpu();
        let mut model = line();
        model.parameters_mut()[0].values.fill(3.0);
        let monitor = crate::metrics::by_name("mae").expect("a metric");
        let trainer = Trainer { monitor: Some(monitor.into()), ..trainer(4) };
        // More rows than one evaluation takes.
        let dataset = rows((0..1000).map(|i| i as f32 / 1000.0).collect());
        let session = Session::new(&model, &trainer, &dataset, Some(&dataset), &device);
        let (name, value) =
            session.expect("a session").monitored().expect("it is measured").expect("a metric");
        assert_eq!(name, "mae");
        assert!((value - 2.0 * 0.4995).abs() < 1e-6, "{value}");
        // The same where a device holds some of them at once.
        let prepare = |program: &Program| Device::cpu().prepare(program);
        let session = Session::open(&model, &trainer, &dataset, Some(&dataset), 600, prepare);
        let again = session.expect("a session").monitored().expect("it is measured");
        assert_eq!(again, Some((name, value)));
        let session = Session::new(&model, &self::trainer(4), &dataset, Some(&dataset), &device);
        assert_eq!(session.expect("a session").monitored().expect("none"), None);
    }

    #[test]
    fn weights_that_are_no_numbers_are_named() {
        let (model, device) = (line(), Device::cpu());
        let dataset = rows(vec![0.5; 8]);
        let mut session =
            Session::new(&model, &trainer(4), &dataset, None, &device).expect("a session");
        session.check_weights().expect("numbers");
        let mut weights = session.read(Role::Weights).expect("weights");
        weights[1].values[0] = f32::NAN;
        session.write(Role::Weights, &weights).expect("written");
        let Err(Error::Diverged(told)) = session.check_weights() else { panic!("NaN is none") };
        assert_eq!(told.parameter.as_deref(), Some("dense.bias holds NaN at 0 of 1"));
        // A run tells it with its step, an evaluation as what it is.
        let Err(Error::Diverged(told)) = session.train(0..1) else { panic!("NaN is none") };
        assert_eq!((told.what.as_str(), told.step), ("the loss became NaN", 1));
        let far = rows(vec![1e30]);
        let mut session = Session::evaluation(&model, &far, 1, &device).expect("a session");
        let Err(Error::Training(told)) = session.evaluate() else { panic!("no number") };
        assert!(told.starts_with("the loss is infinite") || told.contains("inf"), "{told}");
    }

    /// Rows of different lengths: which routine a batch takes, and which rows make none.
    #[test]
    fn batches_of_texts_run_by_the_routine_of_their_words() {
        let layers =
            vec![Layer::embedding(9, 2), Layer::mean_pool(), Layer::dense(1, Activation::Sigmoid)];
        let model = Model::new(Input::Ids { length: 4 }, layers, Loss::BinaryCrossentropy, 1)
            .expect("a model");
        let texts = |lengths: &[usize]| {
            let ends: Vec<usize> = lengths
                .iter()
                .scan(0, |end, length| {
                    *end += length;
                    Some(*end)
                })
                .collect();
            let values = (0..lengths.iter().sum::<usize>()).map(|i| (i % 8 + 1) as u32).collect();
            let targets = Targets::Values { width: 1, values: vec![1.0; lengths.len()] };
            let inputs = Inputs::Ragged { values, ends, length: 4 };
            Dataset::new(inputs, targets, "texts").expect("texts")
        };
        let of = |lengths: &[usize], rows: &[u32], repeats: usize| {
            let (dataset, device) = (texts(lengths), Device::cpu());
            let session = Session::new(&model, &trainer(4), &dataset, None, &device);
            let feed = session.expect("a session").feeds()[0].clone();
            let ragged = feed.ragged.clone().expect("rows of different lengths");
            let runs = feed.ragged_runs(&ragged, dataset.inputs(), rows, repeats)?;
            let words = |run: &Run| {
                let has = |size: &&crate::train::feed::RaggedSize| {
                    [size.full, size.tail].iter().flatten().any(|id| id.0 == run.routine.0)
                };
                (ragged.sizes.iter().find(has).map_or(0, |size| size.words), run.times)
            };
            Ok::<_, Error>(runs.iter().map(words).collect::<Vec<_>>())
        };
        let two = [2; 10];
        let all: Vec<u32> = (0..10).collect();
        // Batches of one routine are one run; the rest of an epoch stands between.
        assert_eq!(of(&two, &all, 1).expect("an epoch"), [(8, 2), (4, 1)]);
        let twice = [&all[..], &all[..]].concat();
        assert_eq!(of(&two, &twice, 2).expect("two"), [(8, 2), (4, 1), (8, 2), (4, 1)]);
        assert_eq!(of(&two, &all[..8], 1).expect("two batches"), [(8, 2)]);
        for wrong in [1, 3, 5, 7, 9] {
            let error = of(&two, &all[..wrong], 1).expect_err("no batch").to_string();
            assert!(error.contains("are no batch of this data set"), "{wrong}: {error}");
        }
        // Of a long and three short texts: the least routine that has room.
        let mixed = [9, 1, 1, 1, 1, 1, 1, 1];
        let sizes = of(&mixed, &[0, 1, 2, 3, 4, 5, 6, 7], 1).expect("two batches");
        assert_eq!(sizes, [(12, 1), (4, 1)]);
    }

    /// An epoch in pieces: between two it is asked whether to go on, and behind the last it is not.
    #[test]
    fn an_epoch_is_left_between_two_pieces_and_gone_on_with() {
        let (model, device) = (line(), Device::cpu());
        let dataset = rows((0..10).map(|i| i as f32 / 10.0).collect());
        let mut session =
            Session::new(&model, &trainer(4), &dataset, None, &device).expect("a session");
        let mut done = Sums::default();
        let mut asked = Vec::new();
        let left = session.train_rest(0, &mut done, &mut |_, sums| {
            asked.push(sums.rows);
            Ok(false)
        });
        assert_eq!((left.expect("no fault"), done.rows), (None, 4));
        let whole = session.train_rest(0, &mut done, &mut |_, sums| {
            asked.push(sums.rows);
            Ok(true)
        });
        let whole = whole.expect("no fault");
        assert!(whole.is_some());
        assert_eq!((done.rows, session.steps_done()), (10, 3));
        assert!(asked.iter().all(|&rows| rows < 10), "{asked:?}");
        let mut alone =
            Session::new(&model, &trainer(4), &dataset, None, &device).expect("a session");
        assert_eq!(whole, Some(alone.train(0..1).expect("an epoch")[0]));
    }

    /// Plain descent by hand: w -= rate(step) times the mean of 2 (w - 1) x^2, for the rates of a schedule.
    #[test]
    fn a_step_has_the_rate_of_its_schedule() {
        let device = Device::cpu();
        let layers = vec![Layer::dense(1, Activation::Linear)];
        let model = Model::new(Input::Matrix { features: 1 }, layers, Loss::Mse, 1);
        let model = model.expect("a model");
        let dataset = rows(vec![1.0; 8]);
        let schedule = Schedule::Cosine;
        let optimizer = crate::optimizers::Sgd { learning_rate: 0.1, momentum: 0.0 }.into();
        let trainer = Trainer { schedule, optimizer, epochs: 3, ..trainer(4) };
        let mut session =
            Session::new(&model, &trainer, &dataset, None, &device).expect("a session");
        let (mut w, mut b) = (model.parameters()[0].values[0] as f64, 0.0);
        for step in 1..=6 {
            let rate = 0.1 * schedule.factor(step, 6);
            let slope = 2.0 * (w + b - 1.0);
            (w, b) = (w - rate * slope, b - rate * slope);
        }
        session.train(0..3).expect("three epochs");
        let found = session.read(Role::Weights).expect("weights");
        assert!((found[0].values[0] as f64 - w).abs() < 1e-6, "{found:?} for {w}");
        assert!((found[1].values[0] as f64 - b).abs() < 1e-6, "{found:?} for {b}");
    }

    /// Rows of a table that no text names for more steps than rates are kept, beside a table that is updated as a whole.
    #[test]
    fn rows_that_are_named_seldom_have_the_bits_of_a_whole_update() {
        let layers = vec![
            Layer::embedding(600, 4),
            Layer::mean_pool(),
            Layer::dense(1, Activation::Sigmoid),
        ];
        let model = Model::new(Input::Ids { length: 2 }, layers, Loss::BinaryCrossentropy, 1)
            .expect("a model");
        // 3,000 texts: most of the words 1 to 8, and others once, twice or at the ends.
        let word = |row: usize, place: usize| match (row, place) {
            (0 | 2999, 0) => 100,
            (1023..1026, 0) => 101,
            (500 | 1524 | 2600, 0) => 102,
            _ => (row * 5 + place * 3) % 8 + 1,
        };
        let values = (0..3000).flat_map(|row| [word(row, 0) as u32, word(row, 1) as u32]).collect();
        let targets = (0..3000).map(|row| (row % 3 == 0) as u32 as f32).collect();
        let inputs =
            Inputs::Ragged { values, ends: (1..=3000).map(|i| 2 * i).collect(), length: 2 };
        let dataset = Dataset::new(inputs, Targets::Values { width: 1, values: targets }, "texts");
        let dataset = dataset.expect("texts");
        let trained = |fusions: Fusions, pieces: bool| {
            let schedule = Schedule::Cosine;
            let adam = crate::optimizers::Adam::default().into();
            let trainer = Trainer { fusions, schedule, optimizer: adam, epochs: 1, ..trainer(1) };
            let mut session =
                Session::new(&model, &trainer, &dataset, None, &Device::cpu()).expect("a session");
            let order: Vec<u32> = (0..3000).collect();
            assert_eq!(session.recording.space.replay().is_some(), fusions.lazy_rows);
            let windows = if pieces { 700 } else { 3000 };
            for rows in order.chunks(windows) {
                session.train_rows(rows).expect("they train");
            }
            session.read(Role::Weights).expect("weights")
        };
        let fusions = Fusions::ALL.with_small_steps(false);
        let whole = trained(fusions.with_lazy_rows(false), false);
        assert!(trained(fusions, false) == whole, "all at once");
        assert!(trained(fusions, true) == whole, "in pieces");
    }

    /// Of what a model gives back no element is right or wrong, and an answer among some classes is none among all.
    #[test]
    fn an_accuracy_is_told_where_there_is_one() {
        let device = Device::cpu();
        let of = |outputs, activation, loss, targets: Targets, sampled_classes| {
            let layers = vec![Layer::dense(outputs, activation)];
            let model = Model::new(Input::Matrix { features: 3 }, layers, loss, 1);
            let inputs = Inputs::Matrix { features: 3, values: vec![0.5; 3 * 8] };
            let dataset = Dataset::new(inputs, targets, "rows").expect("rows");
            let trainer = Trainer { sampled_classes, ..trainer(4) };
            let model = model.expect("a model");
            let session = Session::new(&model, &trainer, &dataset, Some(&dataset), &device);
            let mut session = session.expect("a session");
            let trained = session.train(0..1).expect("an epoch")[0].accuracy.is_some();
            let found = session.evaluate().expect("an evaluation").expect("rows");
            (trained, found.accuracy.is_some())
        };
        let ones = |width| Targets::Values { width, values: vec![1.0; 8 * width] };
        let (sigmoid, softmax) = (Activation::Sigmoid, Activation::Softmax);
        let (binary, classes) = (Loss::BinaryCrossentropy, Loss::CategoricalCrossentropy);
        assert_eq!(of(3, sigmoid, binary, Targets::Inputs, None), (false, false));
        assert_eq!(of(3, sigmoid, binary, ones(3), None), (true, true));
        assert_eq!(of(3, Activation::Linear, Loss::Mse, ones(3), None), (false, false));
        assert_eq!(of(40, softmax, classes, ones(1), None), (true, true));
        assert_eq!(of(40, softmax, classes, ones(1), Some(8)), (false, true));
    }

    /// A third of the rows is right, of single answers, of several and of classes.
    #[test]
    fn an_accuracy_is_the_share_of_right_answers() {
        let of = |activation, loss, targets: Vec<f32>, bias: &[f32]| {
            let layers = vec![Layer::dense(bias.len(), activation)];
            let mut model = Model::new(Input::Matrix { features: 1 }, layers, loss, 1);
            let model = model.as_mut().expect("a model");
            model.parameters_mut()[0].values.fill(0.0);
            model.parameters_mut()[1].values.copy_from_slice(bias);
            let inputs = Inputs::Matrix { features: 1, values: vec![0.5; 12] };
            let targets = Targets::Values { width: targets.len() / 12, values: targets };
            let dataset = Dataset::new(inputs, targets, "rows").expect("rows");
            let optimizer = crate::Optimizer::default().with_learning_rate(0.0);
            let trainer = Trainer { optimizer, ..trainer(5) };
            let session = Session::new(model, &trainer, &dataset, Some(&dataset), &Device::cpu());
            let mut session = session.expect("a session");
            let found = session.evaluate().expect("an evaluation").expect("rows").accuracy;
            let trained = session.train(0..2).expect("two epochs");
            assert!(trained.iter().all(|epoch| epoch.accuracy == found));
            found.expect("an accuracy")
        };
        let third = |row: usize| row.is_multiple_of(3) as u32 as f32;
        let (binary, classes) = (Loss::BinaryCrossentropy, Loss::CategoricalCrossentropy);
        let one = (0..12).map(third).collect();
        assert_eq!(of(Activation::Sigmoid, binary, one, &[1.0]), 1.0 / 3.0);
        let two = (0..12).flat_map(|row| [third(row), 1.0]).collect();
        assert_eq!(of(Activation::Sigmoid, binary, two, &[1.0, 1.0]), 2.0 / 3.0);
        let class = (0..12).map(|row| (row % 3) as f32).collect();
        assert_eq!(of(Activation::Softmax, classes, class, &[0.0, 2.0, 1.0]), 1.0 / 3.0);
    }

    /// Texts that are given back: each word that stands in one, or the share of its words that each is.
    #[test]
    fn words_of_a_text_are_targets_as_the_loss_takes_them() {
        let of = |activation, loss| {
            let layers =
                vec![Layer::embedding(5, 2), Layer::mean_pool(), Layer::dense(5, activation)];
            let mut model = Model::new(Input::Ids { length: 4 }, layers, loss, 1);
            let model = model.as_mut().expect("a model");
            model.parameters_mut().iter_mut().for_each(|parameter| parameter.values.fill(0.0));
            model.parameters_mut()[2].values[2] = 1.0;
            // Word 2 three times and word 3 once.
            let inputs = Inputs::Ids { values: vec![2, 3, 2, 2], length: 4 };
            let dataset = Dataset::new(inputs, Targets::Inputs, "texts").expect("texts");
            let session =
                Session::new(model, &trainer(1), &dataset, Some(&dataset), &Device::cpu());
            let found = session.expect("a session").evaluate().expect("an evaluation");
            found.expect("rows").loss
        };
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found}");
        let total = (4.0 + 1f64.exp()).ln();
        near(
            of(Activation::Softmax, Loss::CategoricalCrossentropy),
            0.75 * (total - 1.0) + 0.25 * total,
        );
        let binary = 3.0 * 2f64.ln() + 2f64.ln() + (1.0 + (-1f64).exp()).ln();
        near(of(Activation::Sigmoid, Loss::BinaryCrossentropy), binary / 5.0);
    }

    #[test]
    fn frozen_layers_are_some_of_the_model() {
        let (model, device) = (line(), Device::cpu());
        let dataset = rows(vec![0.5; 8]);
        let of = |frozen_layers| {
            let trainer = Trainer { frozen_layers, ..trainer(4) };
            Session::new(&model, &trainer, &dataset, None, &device).map(|_| ())
        };
        of(1).expect("all of them");
        let error = of(2).expect_err("one more").to_string();
        assert!(error.contains("2 layers are to be frozen, but the model has 1"), "{error}");
    }

    #[test]
    fn texts_of_any_length_are_no_batch_of_a_loop() {
        let layers =
            vec![Layer::embedding(9, 2), Layer::mean_pool(), Layer::dense(1, Activation::Sigmoid)];
        let model = Model::new(Input::Ids { length: 2 }, layers, Loss::BinaryCrossentropy, 1);
        let (model, device) = (model.expect("a model"), Device::cpu());
        let targets = || Targets::Values { width: 1, values: vec![1.0; 4] };
        let padded = Inputs::Ids { values: vec![1; 8], length: 2 };
        let ragged = Inputs::Ragged { values: vec![1; 8], ends: vec![1, 4, 6, 8], length: 2 };
        let sets = [padded, ragged].map(|of| Dataset::new(of, targets(), "texts").expect("texts"));
        for (own, set) in sets.iter().enumerate() {
            let mut session =
                Session::new(&model, &trainer(4), set, None, &device).expect("a session");
            for (other, batch) in sets.iter().enumerate() {
                let found = session.train_on_batch(batch);
                assert_eq!(found.is_ok(), (own, other) == (0, 0), "{own} {other}");
                assert!(found.err().is_none_or(|e| e.to_string().contains("different lengths")));
            }
        }
    }
}
