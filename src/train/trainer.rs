//! The loop over epochs: train, validate, report, stop early, keep the best weights.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::fuse::ends_in_dense;
use super::recovery::Recovery;
use super::{
    Augment, BatchReport, EpochReport, Fusions, History, Metrics, Monitor, Recovered, Role,
    Session, SessionState, Sums,
};
use crate::backend::Device;
use crate::data::{Data, Dataset};
use crate::error::{DeviceFault, Divergence, Error, Result};
use crate::model::{Model, Parameter};
use crate::optimizers::{Clip, Optimizer, Schedule};

/// How a model is trained.
///
/// ```
/// use wgslearn::{Activation, Dataset, Device, Input, Inputs, Layer, Loss, Model, Targets, Trainer};
///
/// // y = 1 where the first feature is larger.
/// let values = vec![2.0, 1.0, 0.0, 3.0, 5.0, 4.0, 1.0, 2.0];
/// let inputs = Inputs::Matrix { values, features: 2 };
/// let targets = Targets::Values { values: vec![1.0, 0.0, 1.0, 0.0], width: 1 };
/// let dataset = Dataset::new(inputs, targets, "four rows")?;
///
/// let layers = vec![Layer::dense(1, Activation::Sigmoid)];
/// let mut model = Model::new(Input::Matrix { features: 2 }, layers, Loss::BinaryCrossentropy, 7)?;
/// let trainer = Trainer { epochs: 200, batch_size: 4, ..Trainer::default() };
/// let history = trainer.fit(&mut model, &dataset, None, &Device::cpu())?;
/// assert!(history.loss[199] < history.loss[0]);
/// # Ok::<(), wgslearn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Trainer {
    /// Passes over the data, at most.
    pub epochs: usize,
    /// Rows of a step.
    pub batch_size: usize,
    /// Whether each epoch takes the rows in an order of its own, drawn by the seed.
    pub shuffle: bool,
    /// Of shuffling and dropout. (A model's first weights have the seed of [`Model::new`].)
    pub seed: u64,
    /// What turns gradients into new weights.
    pub optimizer: Optimizer,
    /// How its learning rate moves.
    pub schedule: Schedule,
    /// How gradients are clipped before the optimizer takes them.
    pub clip: Option<Clip>,
    /// Part of each target that is spread evenly (Szegedy et al. 2016), from 0 to below 1: over the classes of a
    /// softmax, over 0 and 1 of a sigmoid. In training only: a validation loss is that of the targets.
    pub label_smoothing: f64,
    /// For a softmax over very many classes: how many of them a step compares its rows' with, drawn anew for each step, in
    /// place of all (sampled softmax). The training loss is then an estimate, and no training accuracy is told; an evaluation
    /// is of all classes. Where a step is taken in parts, each part draws its own. None, or as many as there are: all.
    pub sampled_classes: Option<usize>,
    /// How the pictures of a batch are moved in training, for models of pictures.
    pub augment: Option<Augment>,
    /// Whether to stop when validation does not get better.
    pub early_stopping: Option<EarlyStopping>,
    /// A metric of the validation rows that is computed after every epoch, and that early stopping goes by in place of
    /// the validation loss.
    pub monitor: Option<Monitor>,
    /// The first layers, this many, keep their weights.
    pub frozen_layers: usize,
    /// Rows of a step that are on the device at once; the gradients of a step's parts are added up, so that the optimizer
    /// and clipping see the whole batch's: the same result, to f32's rounding, in less memory. None: all rows at once,
    /// or, where the device has no memory for these, half as many.
    pub micro_batch: Option<usize>,
    /// Whether what activations, normalisations, dropout, sums, concatenations and enlargements give is computed again for
    /// the backward pass in place of being kept: the same bits in less memory, for a little more work.
    pub recompute: bool,
    /// Which fusions it may use.
    pub fusions: Fusions,
    /// What happens when a loss or a weight becomes NaN or infinite.
    pub on_nan: OnNan,
}

impl Default for Trainer {
    fn default() -> Self {
        Trainer {
            epochs: 10,
            batch_size: 32,
            shuffle: true,
            seed: 7,
            optimizer: Optimizer::default(),
            schedule: Schedule::default(),
            clip: None,
            label_smoothing: 0.0,
            sampled_classes: None,
            augment: None,
            early_stopping: None,
            monitor: None,
            frozen_layers: 0,
            micro_batch: None,
            recompute: false,
            fusions: Fusions::ALL,
            on_nan: OnNan::Stop,
        }
    }
}

/// What a run does when a loss or a weight becomes NaN or infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNan {
    /// It ends, with the best weights before.
    #[default]
    Stop,
    /// It goes back to the end of the last good epoch and on from there at half the learning rate, at most
    /// [`OnNan::MOST_ROLLBACKS`] times. It keeps that epoch's weights and moments in the host's memory.
    Rollback,
}

impl OnNan {
    /// How often a run goes back.
    pub const MOST_ROLLBACKS: usize = 3;
}

/// Stops when the validation loss, or the metric that is watched, has not become better for `patience` epochs, and
/// keeps the weights of the best epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyStopping {
    /// Epochs without a new best that are allowed.
    pub patience: usize,
}

/// What a run does next.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Next {
    /// Goes on.
    Continue,
    /// Goes on with this learning rate in place of the optimizer's; the schedule's factor still goes on top.
    LearningRate(f64),
    /// Ends here, as if it had no more epochs: the best weights are taken where early stopping keeps them.
    Stop,
}

/// How closely an observer follows a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Follow {
    /// Epochs that take less than a fifth of a second may be reported several at a time: what they are told next
    /// comes after the last of them.
    Groups,
    /// Each epoch is reported when it is done.
    Epochs,
    /// So, and the batches of each.
    Batches,
}

/// Watches a run, and may keep it.
///
/// ```
/// use wgslearn::train::{BatchReport, EpochReport, Follow, Next, Observer};
///
/// /// Halves the learning rate after the tenth epoch, and stops when the loss is small.
/// struct Halving(f64);
///
/// impl Observer for Halving {
///     fn follow(&self) -> Follow {
///         Follow::Batches
///     }
///     fn batch(&mut self, report: BatchReport) {
///         println!("step {}: loss {:.4}", report.step, report.loss);
///     }
///     fn epoch(&mut self, report: EpochReport) -> Next {
///         match report.epoch {
///             _ if report.training.loss < 0.01 => Next::Stop,
///             10 => Next::LearningRate(self.0 / 2.0),
///             _ => Next::Continue,
///         }
///     }
/// }
/// ```
pub trait Observer {
    /// How closely it follows.
    fn follow(&self) -> Follow {
        Follow::Groups
    }

    /// Called for every batch of an epoch, once the epoch is done, where [`Follow::Batches`] is asked for.
    fn batch(&mut self, _report: BatchReport) {}

    /// Called after every epoch.
    fn epoch(&mut self, _report: EpochReport) -> Next {
        Next::Continue
    }

    /// A checkpoint to go on from, asked for once before the first epoch.
    ///
    /// # Errors
    /// Whatever reading one meets; the run ends.
    fn resume(&mut self) -> Result<Option<Checkpoint>> {
        Ok(None)
    }

    /// Called between epochs, and within an epoch about every second; `take` reads a checkpoint from the device,
    /// which costs time, so it is called only where one is wanted.
    ///
    /// # Errors
    /// Whatever writing one meets; the run ends.
    fn checkpoint(&mut self, _take: &mut dyn FnMut() -> Result<Checkpoint>) -> Result<()> {
        Ok(())
    }

    /// Asked between steps, a few times a second: whether the run shall end here, with the best weights so far
    /// ([`End::Interrupted`]).
    fn interrupted(&mut self) -> bool {
        false
    }

    /// Called when an interrupted run ends, behind its last step.
    ///
    /// # Errors
    /// Whatever writing a checkpoint meets.
    fn last_checkpoint(&mut self, take: &mut dyn FnMut() -> Result<Checkpoint>) -> Result<()> {
        self.checkpoint(take)
    }

    /// Called when a run went back to the end of epoch `to` (0: its start), and goes on at this learning rate.
    fn rolled_back(&mut self, _why: &Divergence, _to: usize, _learning_rate: f64) {}

    /// Called when the device failed and the run goes on all the same. Epochs and batches that were reported are done
    /// again without being reported again.
    fn device_failed(&mut self, _why: &DeviceFault, _answer: Recovered) {}
}

impl<F: FnMut(EpochReport)> Observer for F {
    fn epoch(&mut self, report: EpochReport) -> Next {
        self(report);
        Next::Continue
    }
}

/// A run between two steps. Going on from it gives the bits of a run that was not stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Epochs done.
    pub epoch: usize,
    /// What is done of the next epoch.
    pub done: Sums,
    /// Their losses and accuracies.
    pub history: History,
    /// The best epoch so far and its validation, where early stopping watches.
    pub best: Option<(usize, Metrics)>,
    /// The learning rate, without the schedule's factor.
    pub learning_rate: f64,
    /// How often it went back for NaN.
    pub rollbacks: usize,
    /// Rows of a step that are on the device at once, where these are not all.
    pub micro_batch: Option<usize>,
    /// Weights, moments and step.
    pub state: SessionState,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum End {
    /// As it was asked to: all epochs, early stopping, or [`Next::Stop`].
    Done,
    /// Because the observer interrupted it.
    Interrupted,
    /// Because a loss or a weight became NaN or infinite.
    Diverged(Divergence),
}

impl End {
    /// # Errors
    /// [`Error::Diverged`] where that is how the run ended.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            End::Diverged(divergence) => Err(Error::Diverged(divergence.clone())),
            End::Done | End::Interrupted => Ok(()),
        }
    }
}

/// A run that ended, in whatever way, with its best weights in the model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fitted {
    /// Loss and accuracy of every epoch that was done.
    pub history: History,
    /// How it ended.
    pub end: End,
    /// The optimizer step after which the model had the weights that it has now; 0 where it has those that it began
    /// with.
    pub step: u64,
    /// The epoch of that step, from 1; 0 where there is none.
    pub epoch: usize,
    /// Time that went into copies of the state, which a lost device is answered by.
    pub copying: Duration,
}

/// Where a run is.
#[derive(Default)]
struct Place {
    epoch: usize,
    done: Sums,
    history: History,
    best: Option<(usize, Metrics)>,
    rollbacks: usize,
    /// Weights that are known to be good, with their step and epoch: where none of them are validated.
    kept: Kept,
    /// The mean loss of the run's first batch.
    first_loss: Option<f64>,
    /// What a rollback goes back to.
    good: Option<Checkpoint>,
    /// How many epochs share a read-back: one where each is validated, else what fits between two reports.
    at_once: usize,
    /// When a checkpoint was last offered.
    offered: Option<Instant>,
    /// What was reported, so that it is not again where a run goes on from a copy of its state.
    reported: Reported,
}

/// What an observer was told.
#[derive(Default)]
pub(super) struct Reported {
    /// Epochs, with the answers of those behind the copy.
    pub epochs: usize,
    pub answers: Vec<(usize, Next)>,
    /// The step of the last batch.
    pub batch: u64,
}

/// Good weights on the host.
#[derive(Default)]
struct Kept {
    step: u64,
    epoch: usize,
    /// None: the model itself has them, being large.
    parameters: Option<Vec<Parameter>>,
    /// The training loss of their epoch, the lowest so far.
    loss: Option<f64>,
}

/// Whether a run goes on.
#[derive(PartialEq)]
enum Flow {
    GoesOn,
    Stops,
    Interrupted,
}

/// Weights from which on a model is not copied on the host.
const LARGE: usize = 1 << 25;

/// Time between offers of a checkpoint within an epoch.
pub(super) const OFFER: Duration = Duration::from_secs(1);

/// Time between reports when epochs are so short that several share a submission.
const REPORT: Duration = Duration::from_millis(200);

impl Trainer {
    /// Checks every setting by itself: its range.
    ///
    /// # Errors
    /// [`Error::Usage`] names the setting, its value and its range.
    pub fn check_ranges(&self) -> Result<()> {
        if self.batch_size == 0 {
            return Err(Error::usage("the batch size is 0, but a step needs at least one row"));
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Err(Error::usage(format!(
                "label_smoothing is {}, but must be from 0 to below 1",
                self.label_smoothing
            )));
        }
        if self.sampled_classes == Some(0) {
            return Err(Error::usage(
                "sampled_classes is 0, but rows are compared with at least one class; leave it out for all",
            ));
        }
        if self.micro_batch == Some(0) {
            return Err(Error::usage(
                "micro_batch is 0, but a part of a step needs at least one row",
            ));
        }
        self.clip.map_or(Ok(()), |clip| clip.check())?;
        self.optimizer.check()
    }

    /// Checks that the settings go with a model, too.
    pub(super) fn check(&self, model: &Model) -> Result<()> {
        self.check_ranges()?;
        if self.frozen_layers > model.layers().len() {
            return Err(Error::usage(format!(
                "{} layers are to be frozen, but the model has {}",
                self.frozen_layers,
                model.layers().len()
            )));
        }
        let loss = model.loss();
        if self.label_smoothing > 0.0 && loss.objective().smoothing().is_none() {
            return Err(Error::usage(format!(
                "label_smoothing is {}, but the loss {} has no labels to smooth; it goes with binary_crossentropy and categorical_crossentropy",
                self.label_smoothing,
                loss.name()
            )));
        }
        let can_sample = || loss.objective().takes_classes() && ends_in_dense(model);
        if self.sampled_classes.is_some() && !can_sample() {
            return Err(Error::usage(format!(
                "sampled_classes goes with a dense layer with softmax at the end and the loss categorical_crossentropy, but the loss is {}",
                loss.name()
            )));
        }
        if self.sampled_classes(model).is_some() && self.label_smoothing > 0.0 {
            return Err(Error::usage(
                "label_smoothing spreads a label over all classes, but sampled_classes takes some of them in a step; give one of both",
            ));
        }
        Ok(())
    }

    /// How many classes are drawn in a step, where these are not all.
    pub(super) fn sampled_classes(&self, model: &Model) -> Option<usize> {
        self.sampled_classes.filter(|&drawn| drawn < model.outputs())
    }

    /// Trains `model` on `training`; its weights are replaced at the end.
    ///
    /// # Errors
    /// As [`Session::new`] and [`Session::train`]. The model keeps its weights then, or, if it has
    /// more than 33 million, may have those of its best epoch so far; after [`Error::Diverged`] it always has these.
    pub fn fit(
        &self,
        model: &mut Model,
        training: &Dataset,
        validation: Option<&Dataset>,
        device: &Device,
    ) -> Result<History> {
        self.fit_with(model, training, validation, device, &mut |_| {})
    }

    /// As [`Trainer::fit`], watched by `observer`: a closure called after every epoch, or an
    /// [`Observer`] that keeps checkpoints.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    pub fn fit_with(
        &self,
        model: &mut Model,
        training: &Dataset,
        validation: Option<&Dataset>,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<History> {
        let fitted = self.fit_to_end(model, training, validation, device, observer)?;
        fitted.end.check()?;
        Ok(fitted.history)
    }

    /// As [`Trainer::fit_with`], and a run that is interrupted or whose numbers become NaN is no error: the model has
    /// the best weights before, and the answer says which these are.
    ///
    /// # Errors
    /// As [`Trainer::fit_with`], but for [`Error::Diverged`].
    pub fn fit_to_end(
        &self,
        model: &mut Model,
        training: &Dataset,
        validation: Option<&Dataset>,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        self.fit_rows(model, Data::Held(training), validation, device, observer)
    }

    /// As [`Trainer::fit_to_end`], of rows in memory or in a file.
    pub(crate) fn fit_rows(
        &self,
        model: &mut Model,
        training: Data<'_>,
        validation: Option<&Dataset>,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        let resumed = observer.resume()?;
        let mut trainer = self.clone();
        if let Some(checkpoint) = &resumed {
            trainer.micro_batch = checkpoint.micro_batch;
        }
        let arrays = 1 + self.optimizer.moments() + self.early_stopping.is_some() as usize;
        let bytes = 4 * (model.parameter_count() * arrays) as u64;
        let mut recovery = Recovery::new(device, bytes);
        if let Some(checkpoint) = resumed {
            recovery.snapshot = Some(checkpoint);
        }
        let mut place = Place { at_once: 1, ..Place::default() };
        let rows = training.rows();
        loop {
            let attempt = Session::of(model, &trainer, training, validation, device).and_then(
                |mut session| {
                    trainer.run(&mut session, &mut place, model, rows, &mut recovery, observer)
                },
            );
            match attempt {
                Ok(fitted) => return Ok(Fitted { copying: recovery.spent, ..fitted }),
                Err(error) => {
                    let batch = Some(trainer.batch_size.min(rows));
                    recovery.answer(error, &mut trainer.micro_batch, batch, observer)?;
                }
            }
        }
    }

    /// Runs a session from the last copy of the run's state, or from its start, to the end.
    fn run(
        &self,
        session: &mut Session<'_>,
        place: &mut Place,
        model: &mut Model,
        rows: usize,
        recovery: &mut Recovery<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        let on_device = session.keeps_best_on_device();
        place.offered = Some(Instant::now());
        let from = recovery.snapshot.clone();
        if !recovery.is_on() && from.is_some() {
            (recovery.snapshot, recovery.can_restart) = (None, false);
        }
        session.set_first_loss(place.first_loss);
        match from {
            Some(mut checkpoint) => {
                if !on_device {
                    let arrays = &mut checkpoint.state.arrays;
                    if let Some(i) = arrays.iter().position(|(role, _)| *role == Role::BestWeights)
                    {
                        model.set_parameters(arrays.swap_remove(i).1)?;
                    }
                }
                place.go_to(checkpoint, session)?;
                if place.kept.parameters.is_none() && place.kept.step == 0 {
                    // Weights of a checkpoint are as good as those that it was made of.
                    self.keep(place, session, model)?;
                }
            }
            None => {
                let start = Checkpoint {
                    epoch: 0,
                    done: Sums::default(),
                    history: History::default(),
                    best: None,
                    learning_rate: self.optimizer.learning_rate(),
                    rollbacks: 0,
                    micro_batch: self.micro_batch,
                    state: SessionState { step: 0, arrays: Vec::new() },
                };
                place.go_to(start, session)?;
                // The weights of a large model are replaced by better ones as it is trained.
                match (model.parameter_count() > LARGE, recovery.is_on()) {
                    (true, true) => recovery.keep(|| place.take(session, None))?,
                    (true, false) => recovery.can_restart = false,
                    (false, _) => {}
                }
            }
        }
        if self.on_nan == OnNan::Rollback && place.good.is_none() {
            place.good = Some(place.take(session, None)?);
        }
        let follow = observer.follow();
        session.watch_batches(follow == Follow::Batches);
        let end = loop {
            let is_over =
                place.epoch >= self.epochs || self.is_out_of_patience(place.epoch, place.best);
            if is_over {
                break End::Done;
            }
            match self.round(place, session, model, rows, recovery, observer) {
                Ok(Flow::GoesOn) => {}
                Ok(Flow::Stops) => break End::Done,
                Ok(Flow::Interrupted) => break End::Interrupted,
                Err(Error::Diverged(why)) => {
                    let most = OnNan::MOST_ROLLBACKS;
                    let Some(good) = place.good.clone().filter(|_| place.rollbacks < most) else {
                        break End::Diverged(why);
                    };
                    let (to, rate) = (good.epoch, session.learning_rate() / 2.0);
                    let (best, rollbacks) = (place.best, place.rollbacks + 1);
                    let good = Checkpoint { best, rollbacks, learning_rate: rate, ..good };
                    recovery.keep_known(&good);
                    // These epochs are others than those before.
                    place.reported =
                        Reported { epochs: to, batch: good.state.step, answers: Vec::new() };
                    place.go_to(good, session)?;
                    session.take_batches();
                    observer.rolled_back(&why, to, rate);
                }
                Err(error) => return Err(error),
            }
        };
        // What was best goes into the model, where it is not there already.
        let (step, epoch) = match (&end, place.best) {
            (_, Some((at, _))) => {
                if on_device {
                    session.restore_best()?;
                    session.read_weights_into(model.parameters_mut())?;
                }
                place.history.best_epoch = Some(at);
                (session.steps_through(at), at)
            }
            (End::Diverged(_), None) => {
                if let Some(parameters) = place.kept.parameters.take() {
                    model.set_parameters(parameters)?;
                }
                (place.kept.step, place.kept.epoch)
            }
            (End::Done | End::Interrupted, None) => {
                session.read_weights_into(model.parameters_mut())?;
                (session.steps_done(), place.epoch + (place.done.rows > 0) as usize)
            }
        };
        let history = std::mem::take(&mut place.history);
        Ok(Fitted { history, end, step, epoch, copying: Duration::ZERO })
    }

    /// Runs to the end of the next epoch, or of the next few that share a read-back.
    fn round(
        &self,
        place: &mut Place,
        session: &mut Session<'_>,
        model: &mut Model,
        rows: usize,
        recovery: &mut Recovery<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Flow> {
        let follow = observer.follow();
        let on_device = session.keeps_best_on_device();
        let started = Instant::now();
        let begun = place.done.rows;
        let end = self.epochs.min(place.epoch + place.at_once);
        let metrics = if end > place.epoch + 1 {
            session.train(place.epoch..end)?
        } else {
            let mut done = place.done;
            let best = &*model;
            let whole = session.train_rest(place.epoch, &mut done, &mut |session, done| {
                place.done = done;
                place.first_loss = session.first_loss();
                place.reported.batches(session.take_batches(), observer);
                if observer.interrupted() {
                    return Ok(false);
                }
                if recovery.is_due() {
                    recovery.keep(|| place.take(session, (!on_device).then_some(best)))?;
                    place.reported.forget(place.epoch);
                }
                if place.offered.is_none_or(|offered| offered.elapsed() >= OFFER) {
                    place.offered = Some(Instant::now());
                    observer.checkpoint(&mut || {
                        session.check_weights()?;
                        place.take(session, (!on_device).then_some(best))
                    })?;
                }
                Ok(true)
            })?;
            let Some(metrics) = whole else {
                session.check_weights()?;
                let best = (!on_device).then_some(&*model);
                observer.last_checkpoint(&mut || place.take(session, best))?;
                return Ok(Flow::Interrupted);
            };
            place.done = Sums::default();
            vec![metrics]
        };
        session.check_weights()?;
        let validation = session.evaluate()?;
        let monitored = session.monitored()?;
        let seconds = started.elapsed().as_secs_f64();
        let trained = rows * (end - place.epoch) - begun;
        let samples_per_second = trained as f64 / seconds.max(1e-9);
        place.reported.batches(session.take_batches(), observer);
        let mut flow = Flow::GoesOn;
        for training in metrics {
            place.epoch += 1;
            place.history.push(training, validation, monitored.clone());
            let epochs = self.epochs;
            let report = EpochReport {
                epoch: place.epoch,
                epochs,
                training,
                validation,
                monitored: monitored.as_ref().map(|(_, value)| *value),
                samples_per_second,
            };
            match place.reported.epoch(report, observer) {
                Next::Continue => {}
                Next::LearningRate(rate) => session.set_learning_rate(rate)?,
                Next::Stop => flow = Flow::Stops,
            }
        }
        match validation {
            None if follow == Follow::Groups => {
                let at_once = place.at_once as f64 * REPORT.as_secs_f64() / seconds.max(1e-6);
                place.at_once = (at_once as usize).clamp(1, session.epochs_at_once().max(1));
            }
            Some(found) if self.early_stopping.is_some() => {
                if self.is_best(place.epoch, found, place.best, &place.history) {
                    place.best = Some((place.epoch, found));
                    match on_device {
                        true => session.keep_best()?,
                        false => session.read_weights_into(model.parameters_mut())?,
                    }
                }
            }
            None | Some(_) => {}
        }
        self.keep(place, session, model)?;
        if self.on_nan == OnNan::Rollback {
            place.good = Some(place.take(session, None)?);
        }
        place.offered = Some(Instant::now());
        let best = (!on_device).then_some(&*model);
        if recovery.is_due() {
            recovery.keep(|| place.take(session, best))?;
            place.reported.forget(place.epoch);
        }
        let interrupted = observer.interrupted();
        let is_last = place.epoch >= self.epochs || flow == Flow::Stops;
        let mut take = || place.take(session, best);
        match interrupted && !is_last {
            true => observer.last_checkpoint(&mut take)?,
            false => observer.checkpoint(&mut take)?,
        }
        Ok(if interrupted && !is_last { Flow::Interrupted } else { flow })
    }

    /// Keeps the weights as they are, known to be good, where early stopping keeps none.
    fn keep(&self, place: &mut Place, session: &mut Session<'_>, model: &mut Model) -> Result<()> {
        if self.early_stopping.is_some() {
            return Ok(());
        }
        // Without validation the best weights are those of the lowest loss, below that of the first weights.
        if let Some(&loss) = place.history.loss.last() {
            if place.kept.loss.or(session.first_loss()).is_some_and(|lowest| loss >= lowest) {
                return Ok(());
            }
            place.kept.loss = Some(loss);
        }
        let into = match model.parameter_count() > LARGE {
            true => model.parameters_mut(),
            false => place.kept.parameters.get_or_insert_with(|| model.parameters().to_vec()),
        };
        session.read_weights_into(into)?;
        (place.kept.step, place.kept.epoch) = (session.steps_done(), place.epoch);
        Ok(())
    }

    /// Whether an epoch is better than the best before it: by the metric that is watched, or by the loss.
    fn is_best(
        &self,
        epoch: usize,
        found: Metrics,
        best: Option<(usize, Metrics)>,
        history: &History,
    ) -> bool {
        let Some((at, known)) = best else { return true };
        let value = |epoch: usize| {
            let name = self.monitor.as_ref()?.name();
            history.val_metrics.get(&name)?.get(epoch - 1).copied()
        };
        match (&self.monitor, value(epoch), value(at)) {
            (Some(monitor), Some(found), Some(known)) => monitor.is_better(found, known),
            _ => found.loss < known.loss,
        }
    }

    /// Whether the best epoch lies `patience` epochs back.
    fn is_out_of_patience(&self, epoch: usize, best: Option<(usize, Metrics)>) -> bool {
        let (Some(stopping), Some((at, _))) = (self.early_stopping, best) else { return false };
        epoch - at >= stopping.patience.max(1)
    }
}

impl Place {
    /// A checkpoint of the run as it is; `best` has the best weights where the device does not keep them.
    fn take(&self, session: &mut Session<'_>, best: Option<&Model>) -> Result<Checkpoint> {
        let mut state = session.state()?;
        if let Some(model) = best.filter(|_| self.best.is_some()) {
            state.arrays.push((Role::BestWeights, model.parameters().to_vec()));
        }
        Ok(Checkpoint {
            epoch: self.epoch,
            done: self.done,
            history: self.history.clone(),
            best: self.best,
            learning_rate: session.learning_rate(),
            rollbacks: self.rollbacks,
            micro_batch: session.micro_batch(),
            state,
        })
    }

    /// Goes on from a checkpoint.
    fn go_to(&mut self, checkpoint: Checkpoint, session: &mut Session<'_>) -> Result<()> {
        session.restore(&checkpoint.state)?;
        session.set_learning_rate(checkpoint.learning_rate)?;
        (self.epoch, self.done) = (checkpoint.epoch, checkpoint.done);
        (self.history, self.best) = (checkpoint.history, checkpoint.best);
        self.rollbacks = checkpoint.rollbacks;
        Ok(())
    }
}

impl Reported {
    /// Forgets the answers of epochs up to one that a copy holds.
    pub fn forget(&mut self, epoch: usize) {
        self.answers.retain(|(at, _)| *at > epoch);
    }

    /// Reports an epoch, unless it was; returns what is next.
    pub fn epoch(&mut self, report: EpochReport, observer: &mut dyn Observer) -> Next {
        let epoch = report.epoch;
        if epoch <= self.epochs {
            let known = self.answers.iter().find(|(at, _)| *at == epoch);
            return known.map_or(Next::Continue, |&(_, next)| next);
        }
        self.epochs = epoch;
        let next = observer.epoch(report);
        self.answers.push((epoch, next));
        next
    }

    /// Reports batches that were not.
    pub fn batches(&mut self, reports: Vec<BatchReport>, observer: &mut dyn Observer) {
        for report in reports {
            if report.step > self.batch {
                self.batch = report.step;
                observer.batch(report);
            }
        }
    }
}
