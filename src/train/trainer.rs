//! The loop over epochs: train, validate, report, stop early, keep the best weights.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{
    BatchReport, EpochReport, Fusions, History, Metrics, Monitor, Role, Session, SessionState,
};
use crate::backend::Device;
use crate::data::Dataset;
use crate::error::{Error, Result};
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
    /// Whether to stop when validation does not get better.
    pub early_stopping: Option<EarlyStopping>,
    /// A metric of the validation rows that is computed after every epoch, and that early stopping goes by in place of
    /// the validation loss.
    pub monitor: Option<Monitor>,
    /// The first layers, this many, keep their weights.
    pub frozen_layers: usize,
    /// What happens when a loss or a weight becomes NaN or infinite.
    pub on_nan: OnNan,
    /// Which fusions it may use.
    pub fusions: Fusions,
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
            early_stopping: None,
            monitor: None,
            frozen_layers: 0,
            on_nan: OnNan::Stop,
            fusions: Fusions::ALL,
        }
    }
}

/// Stops when the validation loss, or the metric that is watched, has not become better for `patience` epochs, and
/// keeps the weights of the best epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyStopping {
    /// Epochs without a new best that are allowed.
    pub patience: usize,
}

/// What happens when a loss or a weight becomes NaN or infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNan {
    /// The run ends, with the last good weights.
    #[default]
    Stop,
    /// It goes back to its last good weights at half the learning rate, at most three times.
    Rollback,
}

/// Times that a run goes back before it ends.
const ROLLBACKS: usize = 3;

/// Last good weights are read from the device when that took less than this part of the time since the last reading.
const READING_PART: u32 = 50;

/// What training came to.
#[derive(Debug)]
pub(crate) struct Fitted {
    /// Losses and accuracies up to the end.
    pub history: History,
    /// What ended it before its time.
    pub failure: Option<Error>,
    /// The epoch whose weights the model has then, from 1; none where it has none worth keeping.
    pub kept: Option<usize>,
}

/// Weights that were all finite, and with [`OnNan::Rollback`] what training needs to go on from them.
struct Good {
    epoch: usize,
    weights: Vec<Parameter>,
    state: Option<SessionState>,
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

    /// Ends the run, as soon as the work that the device has is done, once this becomes true: the best weights, or the
    /// last, are kept.
    fn stop(&self) -> Option<Arc<AtomicBool>> {
        None
    }

    /// Called for every batch of an epoch, once the epoch is done, where [`Follow::Batches`] is asked for.
    fn batch(&mut self, _report: BatchReport) {}

    /// Called after every epoch.
    fn epoch(&mut self, _report: EpochReport) -> Next {
        Next::Continue
    }

    /// Called when the run went back to the weights after an epoch ([`OnNan::Rollback`]), with its new learning rate.
    fn went_back(&mut self, _epoch: usize, _learning_rate: f64, _error: &Error) {}

    /// A checkpoint to go on from, asked for once before the first epoch.
    ///
    /// # Errors
    /// Whatever reading one meets; the run ends.
    fn resume(&mut self) -> Result<Option<Checkpoint>> {
        Ok(None)
    }

    /// Called between epochs; `take` reads a checkpoint from the device, which costs time, so it
    /// is called only where one is wanted.
    ///
    /// # Errors
    /// Whatever writing one meets; the run ends.
    fn checkpoint(&mut self, _take: &mut dyn FnMut() -> Result<Checkpoint>) -> Result<()> {
        Ok(())
    }
}

impl<F: FnMut(EpochReport)> Observer for F {
    fn epoch(&mut self, report: EpochReport) -> Next {
        self(report);
        Next::Continue
    }
}

/// A run between two epochs. Going on from it gives the bits of a run that was not stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Epochs done.
    pub epoch: usize,
    /// Their losses and accuracies.
    pub history: History,
    /// The best epoch so far and its validation, where early stopping watches.
    pub best: Option<(usize, Metrics)>,
    /// Weights, moments and step.
    pub state: SessionState,
}

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
        Ok(())
    }

    /// Trains `model` on `training`; its weights are replaced at the end.
    ///
    /// # Errors
    /// As [`Session::new`] and [`Session::train`]. When a loss or weight became NaN ([`Error::Diverged`]) or the run
    /// was stopped ([`Error::Interrupted`]), the model has the best weights, or the last good ones, or its own.
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
        let fitted = self.fit_keeping(model, training, validation, device, observer)?;
        fitted.failure.map_or(Ok(fitted.history), Err)
    }

    /// As [`Trainer::fit_with`], with the history and the weights of a run that ended before its time.
    pub(crate) fn fit_keeping(
        &self,
        model: &mut Model,
        training: &Dataset,
        validation: Option<&Dataset>,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        let mut session = Session::new(model, self, training, validation, device)?;
        session.stop_when(observer.stop());
        self.run(&mut session, model, training.rows(), observer)
    }

    /// Runs a session's epochs.
    fn run(
        &self,
        session: &mut Session<'_>,
        model: &mut Model,
        rows: usize,
        observer: &mut dyn Observer,
    ) -> Result<Fitted> {
        let (mut epoch, mut history, mut best) = (0, History::default(), None);
        let on_device = session.keeps_best_on_device();
        if let Some(mut checkpoint) = observer.resume()? {
            if !on_device {
                let arrays = &mut checkpoint.state.arrays;
                if let Some(i) = arrays.iter().position(|(role, _)| *role == Role::BestWeights) {
                    model.set_parameters(arrays.swap_remove(i).1)?;
                }
            }
            session.restore(&checkpoint.state)?;
            (epoch, history, best) = (checkpoint.epoch, checkpoint.history, checkpoint.best);
        }
        // How many epochs share a read-back: one where each is validated, else what fits between
        // two reports.
        let mut at_once = 1;
        let follow = observer.follow();
        session.watch_batches(follow == Follow::Batches);
        let mut rate = self.optimizer.learning_rate();
        let (mut stops, mut rollbacks) = (false, 0);
        let mut failure = None;
        // The last good weights, when they were read, and how long that took.
        let mut good: Option<Good> = None;
        let (mut read_at, mut reading) = (Instant::now(), Duration::ZERO);
        while !stops && epoch < self.epochs && !self.is_out_of_patience(epoch, best) {
            let started = Instant::now();
            let end = self.epochs.min(epoch + at_once);
            let found = session
                .train(epoch..end)
                .and_then(|metrics| Ok((metrics, session.evaluate()?, session.monitored()?)));
            let (metrics, validation, monitored) = match found {
                Ok(found) => found,
                Err(error @ (Error::Diverged(_) | Error::Interrupted(_))) => {
                    let goes_back = self.on_nan == OnNan::Rollback
                        && rollbacks < ROLLBACKS
                        && matches!(error, Error::Diverged(_));
                    let back = good.as_ref().filter(|_| goes_back);
                    if let Some((at, state)) = back.and_then(|g| Some((g.epoch, g.state.as_ref()?)))
                    {
                        session.restore(state)?;
                        rate /= 2.0;
                        session.set_learning_rate(rate)?;
                        rollbacks += 1;
                        epoch = at;
                        history.truncate(at);
                        observer.went_back(at, rate, &error);
                        continue;
                    }
                    failure = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            };
            let seconds = started.elapsed().as_secs_f64();
            let samples_per_second = (rows * (end - epoch)) as f64 / seconds.max(1e-9);
            session.take_batches().into_iter().for_each(|report| observer.batch(report));
            for training in metrics {
                epoch += 1;
                history.push(training, validation, monitored.clone());
                let epochs = self.epochs;
                let next = observer.epoch(EpochReport {
                    epoch,
                    epochs,
                    training,
                    validation,
                    monitored: monitored.as_ref().map(|(_, value)| *value),
                    samples_per_second,
                });
                match next {
                    Next::Continue => {}
                    Next::LearningRate(asked) => {
                        rate = asked;
                        session.set_learning_rate(rate)?;
                    }
                    Next::Stop => stops = true,
                }
            }
            match validation {
                None if follow == Follow::Groups => {
                    at_once = (at_once as f64 * REPORT.as_secs_f64() / seconds.max(1e-6)) as usize;
                    at_once = at_once.clamp(1, session.epochs_at_once().max(1));
                }
                Some(found) if self.early_stopping.is_some() => {
                    if self.is_best(epoch, found, best, &history) {
                        best = Some((epoch, found));
                        match on_device {
                            true => session.keep_best()?,
                            false => session.read_into(Role::Weights, model.parameters_mut())?,
                        }
                    }
                }
                None | Some(_) => {}
            }
            let keeps = best.is_none() || self.on_nan == OnNan::Rollback;
            if keeps && epoch < self.epochs && read_at.elapsed() >= READING_PART * reading {
                let started = Instant::now();
                let weights = session.read(Role::Weights)?;
                // What is not finite now is found by the next loss, or at the end.
                if not_finite(&weights).is_none() {
                    let state = match self.on_nan {
                        OnNan::Rollback => Some(session.state()?),
                        OnNan::Stop => None,
                    };
                    good = Some(Good { epoch, weights, state });
                }
                (read_at, reading) = (Instant::now(), started.elapsed());
            }
            observer.checkpoint(&mut || {
                let (history, mut state) = (history.clone(), session.state()?);
                if best.is_some() && !on_device {
                    state.arrays.push((Role::BestWeights, model.parameters().to_vec()));
                }
                Ok(Checkpoint { epoch, history, best, state })
            })?;
        }
        if let Some((at, _)) = best {
            history.best_epoch = Some(at);
        }
        self.take_weights(session, model, epoch, Fitted { history, failure, kept: None }, good)
    }

    /// Puts the weights into the model that a run ends with: those of the best epoch, the last, or, where the last are
    /// not finite, the last good ones.
    fn take_weights(
        &self,
        session: &mut Session<'_>,
        model: &mut Model,
        epoch: usize,
        mut fitted: Fitted,
        good: Option<Good>,
    ) -> Result<Fitted> {
        if let Some(at) = fitted.history.best_epoch {
            // The best weights of a large model are there already.
            if session.keeps_best_on_device() {
                session.restore_best()?;
                session.read_into(Role::Weights, model.parameters_mut())?;
            }
            if not_finite(model.parameters()).is_none() {
                fitted.kept = Some(at);
                return Ok(fitted);
            }
        }
        let weights = session.read(Role::Weights)?;
        match not_finite(&weights) {
            // A run that was stopped within an epoch keeps what it has learned of it.
            None if !matches!(fitted.failure, Some(Error::Diverged(_))) => {
                fitted.kept = (session.steps_done() > 0).then_some(epoch.max(1));
                model.set_parameters(weights)?;
            }
            found => {
                let which = match found {
                    Some((name, value)) => format!("; {name} holds {value}"),
                    None => String::new(),
                };
                let error = match fitted.failure.take() {
                    Some(Error::Diverged(message)) => {
                        format!("{message} (in epoch {}{which})", epoch + 1)
                    }
                    _ => format!(
                        "a weight became NaN or infinite in the last steps (epoch {epoch}{which}); try a smaller learning rate, or clip the gradients"
                    ),
                };
                fitted.failure = Some(Error::Diverged(error));
                if let Some(good) = good {
                    fitted.kept = Some(good.epoch);
                    fitted.history.truncate(good.epoch);
                    model.set_parameters(good.weights)?;
                }
            }
        }
        Ok(fitted)
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

/// The first weight that is NaN or infinite: its parameter's name, and what it is.
fn not_finite(parameters: &[Parameter]) -> Option<(&str, f32)> {
    parameters.iter().find_map(|parameter| {
        let value = parameter.values.iter().find(|value| !value.is_finite())?;
        Some((parameter.name.as_str(), *value))
    })
}
