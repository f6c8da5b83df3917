//! What a model takes on a device, without its data: told before anything is made there.

use super::feed::FeedSpec;
use super::record::{Request, record};
use super::{Fusions, Trainer};
use crate::error::Result;
use crate::layers::plan::Purpose;
use crate::model::Model;

/// Bytes that a model takes on a device: the buffers that are made there, but for those of the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Memory {
    /// All of them.
    pub bytes: u64,
    /// Values between layers and their gradients; they share buffers.
    pub values: u64,
    /// What they would take in buffers of their own.
    pub unshared_values: u64,
}

impl Memory {
    /// In training with this trainer: its batch size, optimizer and frozen layers.
    ///
    /// # Errors
    /// [`crate::Error::Usage`] when the trainer's settings do not go with the model, [`crate::Error::Model`] where it is not
    /// trained on a data set.
    pub fn of_training(model: &Model, trainer: &Trainer) -> Result<Memory> {
        trainer.check(model)?;
        Self::of(model, trainer, trainer.batch_size, Purpose::Training)
    }

    /// In a prediction of `batch` rows at a time.
    ///
    /// # Errors
    /// [`crate::Error::Device`] when one row of a layer's weights is larger than a binding.
    pub fn of_prediction(model: &Model, batch: usize) -> Result<Memory> {
        Self::of(model, &Trainer::default(), batch, Purpose::Prediction)
    }

    fn of(model: &Model, trainer: &Trainer, batch: usize, purpose: Purpose) -> Result<Memory> {
        let trains = purpose == Purpose::Training;
        let batch = batch.max(1);
        let target_width = trains.then(|| model.outputs());
        let (rows, weighted, ragged) = (batch, false, None);
        let feeds =
            [FeedSpec { rows, batch, target_width, weighted, purpose, ragged, most: usize::MAX }];
        let record = |fusions: Fusions| {
            record(&Request {
                model,
                feeds: &feeds,
                optimizer: trains.then_some(trainer.optimizer),
                clip: trainer.clip.filter(|_| trains),
                micro_batch: trainer.micro_batch.filter(|_| trains),
                recompute: trainer.recompute && trains,
                label_smoothing: if trains { trainer.label_smoothing } else { 0.0 },
                sampled_classes: trainer.sampled_classes(model).filter(|_| trains),
                augment: trainer.augment,
                seed: trainer.seed,
                keep_best: trains && trainer.early_stopping.is_some(),
                frozen: if trains { trainer.frozen_layers } else { 0 },
                fusions,
                // As much as any device binds.
                max_binding: 1 << 29,
                fewer_rows: &[],
            })
        };
        let own = record(trainer.fusions)?;
        let apart = record(trainer.fusions.with_shared_values(false))?;
        let data = own.feeds.iter().flat_map(|feed| {
            [Some(feed.inputs), feed.targets, Some(feed.order)].into_iter().flatten()
        });
        let data: u64 = data.map(|span| span.len as u64 * 4).sum();
        let bytes = own.program.bytes() - data;
        Ok(Memory { bytes, values: own.value_bytes, unshared_values: apart.value_bytes })
    }
}
