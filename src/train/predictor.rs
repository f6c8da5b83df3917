//! From inputs to outputs, in chunks of any number of rows.

use super::feed::{FeedSpec, check_inputs, write_inputs};
use super::parameters::build_inference;
use super::record::Recording;
use super::session::reset_counters;
use super::{Metrics, Session};
use crate::backend::{Device, Executor};
use crate::data::{Dataset, Inputs};
use crate::error::{Error, Result};
use crate::layers::plan::Purpose;
use crate::model::Model;
use crate::program::Run;

/// Rows that go to the device at once.
const CHUNK: usize = 4096;

/// A model ready to answer on a device.
pub struct Predictor {
    model: Model,
    recording: Recording,
    executor: Box<dyn Executor>,
}

impl std::fmt::Debug for Predictor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Predictor({} outputs)", self.model.outputs())
    }
}

impl Predictor {
    /// Puts `model` on `device`.
    ///
    /// # Errors
    /// [`Error::Device`] when the device cannot hold it.
    pub fn new(model: &Model, device: &Device) -> Result<Predictor> {
        // Batches of up to 256 rows, fewer where rows are wide: about a million values each.
        let widest = model.layer_shapes().iter().map(|shape| shape.width()).max().unwrap_or(1);
        let batch = ((1 << 20) / widest.max(1)).clamp(1, 256);
        let rows = CHUNK.min(batch * 16).next_multiple_of(batch);
        let feeds = [FeedSpec { rows, batch, target_width: None, purpose: Purpose::Prediction }];
        let (recording, executor) = build_inference(model, &feeds, 0, device)?;
        Ok(Predictor { model: model.skeleton(), recording, executor })
    }

    /// The model's outputs for `inputs`, `[rows, outputs]`: probabilities where the last activation
    /// is sigmoid or softmax. Inputs without rows give nothing.
    ///
    /// # Errors
    /// [`Error::Model`] when the inputs are not what the model reads, [`Error::Data`] when an id
    /// is outside the embedding, [`Error::Device`] when the device fails.
    pub fn predict(&mut self, inputs: &Inputs, source: &str) -> Result<Vec<f32>> {
        if inputs.rows() == 0 {
            return Ok(Vec::new());
        }
        check_inputs(&self.model, inputs, source)?;
        let feed = self.recording.feeds[0].clone();
        let (Some(routine), Some(store)) = (feed.full, self.recording.store) else {
            return Err(Error::Model("the model was recorded without a prediction".into()));
        };
        let mut outputs = Vec::with_capacity(inputs.rows() * self.model.outputs());
        let all: Vec<usize> = (0..inputs.rows()).collect();
        for chunk in all.chunks(feed.resident) {
            let part;
            let rows = match chunk.len() == inputs.rows() {
                true => inputs,
                false => {
                    part = inputs.take(chunk);
                    &part
                }
            };
            write_inputs(rows, feed.inputs, self.executor.as_mut())?;
            // The last batch is filled up with the first row; its outputs there are not read.
            let batches = chunk.len().div_ceil(feed.batch);
            let mut order: Vec<u32> = (0..chunk.len() as u32).collect();
            order.resize(batches * feed.batch, 0);
            self.executor.write_u32(feed.order, &order)?;
            reset_counters(&self.recording, 0, self.executor.as_mut())?;
            self.executor.run(&[Run { routine, times: batches }])?;
            let len = chunk.len() * self.model.outputs();
            outputs.extend(self.executor.read_f32(store.part(0, len))?);
        }
        Ok(outputs)
    }
}

impl Model {
    /// The model's outputs for `inputs`, `[rows, outputs]`. For many calls make a [`Predictor`].
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn predict(&self, inputs: &Inputs, device: &Device) -> Result<Vec<f32>> {
        Predictor::new(self, device)?.predict(inputs, "the inputs")
    }

    /// Mean loss and accuracy over a data set.
    ///
    /// # Errors
    /// As [`Session::evaluation`].
    pub fn evaluate(&self, dataset: &Dataset, device: &Device) -> Result<Metrics> {
        let mut session = Session::evaluation(self, dataset, 0, device)?;
        let metrics = session.evaluate()?;
        metrics.ok_or_else(|| Error::Model("there is nothing to evaluate".into()))
    }
}
