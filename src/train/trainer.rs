//! The loop over epochs: train, validate, report, stop early, keep the best weights.

use std::time::{Duration, Instant};

use super::{EpochReport, Fusions, History, Metrics, Role, Session, SessionState};
use crate::backend::Device;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::model::Model;
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
    /// The first layers, this many, keep their weights.
    pub frozen_layers: usize,
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
            frozen_layers: 0,
            fusions: Fusions::ALL,
        }
    }
}

/// Stops when the validation loss has not fallen for `patience` epochs, and keeps the weights of
/// the best epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyStopping {
    /// Epochs without a new best that are allowed.
    pub patience: usize,
}

/// Watches a run, and may keep it.
pub trait Observer {
    /// Called after every epoch.
    fn epoch(&mut self, _report: EpochReport) {}

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
    fn epoch(&mut self, report: EpochReport) {
        self(report);
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
    /// As [`Session::new`] and [`Session::train`]. The model keeps its weights then, or, if it has
    /// more than 33 million, may have those of its best epoch so far.
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
        let mut session = Session::new(model, self, training, validation, device)?;
        let history = self.run(&mut session, model, training.rows(), observer)?;
        // The best weights of a large model are there already.
        if history.best_epoch.is_none() || session.keeps_best_on_device() {
            session.read_into(Role::Weights, model.parameters_mut())?;
        }
        Ok(history)
    }

    /// Runs a session's epochs.
    fn run(
        &self,
        session: &mut Session<'_>,
        model: &mut Model,
        rows: usize,
        observer: &mut dyn Observer,
    ) -> Result<History> {
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
        while epoch < self.epochs && !self.is_out_of_patience(epoch, best) {
            let started = Instant::now();
            let end = self.epochs.min(epoch + at_once);
            let metrics = session.train(epoch..end)?;
            let validation = session.evaluate()?;
            let seconds = started.elapsed().as_secs_f64();
            let samples_per_second = (rows * (end - epoch)) as f64 / seconds.max(1e-9);
            for training in metrics {
                epoch += 1;
                history.push(training, validation);
                let epochs = self.epochs;
                observer.epoch(EpochReport {
                    epoch,
                    epochs,
                    training,
                    validation,
                    samples_per_second,
                });
            }
            match validation {
                None => {
                    at_once = (at_once as f64 * REPORT.as_secs_f64() / seconds.max(1e-6)) as usize;
                    at_once = at_once.clamp(1, session.epochs_at_once().max(1));
                }
                Some(found) if self.early_stopping.is_some() => {
                    if best.is_none_or(|(_, known): (usize, Metrics)| found.loss < known.loss) {
                        best = Some((epoch, found));
                        match on_device {
                            true => session.keep_best()?,
                            false => session.read_into(Role::Weights, model.parameters_mut())?,
                        }
                    }
                }
                Some(_) => {}
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
            if on_device {
                session.restore_best()?;
            }
            history.best_epoch = Some(at);
        }
        Ok(history)
    }

    /// Whether the best epoch lies `patience` epochs back.
    fn is_out_of_patience(&self, epoch: usize, best: Option<(usize, Metrics)>) -> bool {
        let (Some(stopping), Some((at, _))) = (self.early_stopping, best) else { return false };
        epoch - at >= stopping.patience.max(1)
    }
}
