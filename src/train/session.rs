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
    use crate::train::{End, EpochReport, Fusions, History};
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
            let trained = session.train(0..2).expect("two epochs");
            let validated = session.evaluate().expect("an evaluation");
            for metrics in trained.iter().chain(&validated) {
                assert!((metrics.loss - mean).abs() < 1e-6 * mean, "{} for {mean}", metrics.loss);
            }
        }
    }
}
