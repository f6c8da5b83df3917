//! From inputs to outputs, in chunks of any number of rows.

use std::sync::Arc;

use super::feed::{FeedSpec, RaggedSpec, check_ragged, check_rows, write_inputs, write_rows};
use super::parameters::{build_inference, write_state};
use super::record::Recording;
use super::session::reset_counters;
use super::{Metrics, Session};
use crate::backend::{Device, Executor};
use crate::data::{Dataset, Inputs, Rows};
use crate::error::{Error, Result};
use crate::layers::plan::Purpose;
use crate::model::Model;
use crate::program::Run;

/// Rows that go to the device at once.
const CHUNK: usize = 4096;

/// Rows of different lengths that a model is recorded for at once, at most, and the outputs that they have then.
const RAGGED_CHUNK: usize = 1 << 16;
const RAGGED_OUTPUTS: usize = 1 << 26;

/// A model ready to answer on a device. It can be sent to another thread; each thread that answers has its own, and
/// [`Predictor::another`] gives one that shares the weights.
///
/// ```
/// use wgslearn::{Activation, Device, Input, Layer, Loss, Model, Predictor, Rows};
///
/// let layers = vec![Layer::dense(2, Activation::Softmax)];
/// let input = Input::Matrix { features: 3 };
/// let model = Model::new(input, layers, Loss::CategoricalCrossentropy, 7)?;
/// let mut predictor = Predictor::new(&model, &Device::cpu())?;
/// let mut outputs = [0.0; 4];
/// predictor.predict_into(Rows::Matrix(&[1.0, 2.0, 3.0, 0.5, 0.0, -1.0]), &mut outputs)?;
/// assert!((outputs[0] + outputs[1] - 1.0).abs() < 1e-6);
/// # Ok::<(), wgslearn::Error>(())
/// ```
pub struct Predictor {
    model: Model,
    recording: Arc<Recording>,
    executor: Box<dyn Executor>,
}

/// What takes a block of outputs: the number of its first row, and the values.
type EachBlock<'a> = dyn FnMut(usize, &[f32]) -> Result<()> + 'a;

/// All outputs that come in blocks, `count` numbers.
fn collected(
    count: usize,
    predict: impl FnOnce(&mut EachBlock<'_>) -> Result<()>,
) -> Result<Vec<f32>> {
    let mut all = Vec::with_capacity(count);
    predict(&mut |_, outputs| {
        all.extend_from_slice(outputs);
        Ok(())
    })?;
    Ok(all)
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
    /// [`Error::Model`] when a weight is no finite number, [`Error::Device`] when the device cannot hold it.
    pub fn new(model: &Model, device: &Device) -> Result<Predictor> {
        // Batches of up to 256 rows, fewer where rows are wide: about a million values each.
        let widest = model.layer_shapes().iter().map(|shape| shape.width()).max().unwrap_or(1);
        let batch = ((1 << 20) / widest.max(1)).clamp(1, 256);
        let rows = CHUNK.min(batch * 16).next_multiple_of(batch);
        let feeds = [FeedSpec {
            rows,
            batch,
            target_width: None,
            weighted: false,
            purpose: Purpose::Prediction,
            ragged: None,
            most: usize::MAX,
        }];
        let (recording, executor) = build_inference(model, &feeds, 0, device)?;
        Ok(Predictor { model: model.skeleton(), recording: Arc::new(recording), executor })
    }

    /// Another predictor of the same model on the same device, for another thread: it reads the same copy of the weights,
    /// and has buffers of its own for rows and what lies between layers.
    ///
    /// # Errors
    /// [`Error::Device`] or [`Error::Fault`] when the device has no memory for these.
    pub fn another(&self) -> Result<Predictor> {
        let mut executor = self.executor.fork()?;
        write_state(&self.recording, executor.as_mut())?;
        let (model, recording) = (self.model.clone(), self.recording.clone());
        Ok(Predictor { model, recording, executor })
    }

    /// The model's outputs for `inputs`, `[rows, outputs]`: probabilities where the last activation
    /// is sigmoid or softmax. Inputs without rows give nothing.
    ///
    /// # Errors
    /// [`Error::Model`] when the inputs are not what the model reads, [`Error::Data`] when an id
    /// is outside the embedding or a feature is no finite number, [`Error::Device`] when the device fails.
    pub fn predict(&mut self, inputs: &Inputs, source: &str) -> Result<Vec<f32>> {
        let count = inputs.rows() * self.model.outputs();
        collected(count, |each| self.predict_in_blocks(inputs, source, each))
    }

    /// As [`Predictor::predict`], some rows at a time, so that no more than these rows' outputs are in memory: `each`
    /// is called with the number of the first row, from 0, and the outputs `[rows, outputs]`.
    ///
    /// # Errors
    /// As [`Predictor::predict`]; what `each` returns.
    pub fn predict_in_blocks(
        &mut self,
        inputs: &Inputs,
        source: &str,
        each: &mut dyn FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let width = self.model.input().width();
        if inputs.is_ragged() {
            return Err(Error::Model(format!(
                "{source} has rows of different lengths, but this predictor reads rows of {width}; pad them, or take Model::predict"
            )));
        }
        if inputs.as_rows().is_empty() {
            return Ok(());
        }
        if inputs.width() != width {
            return Err(Error::Model(format!(
                "{source}: a row has {} elements, but the model reads {width}",
                inputs.width()
            )));
        }
        check_rows(&self.model, inputs.as_rows(), source)?;
        let (rows, units) = (inputs.rows(), self.model.outputs());
        let most = self.recording.feeds[0].resident.min(rows);
        let mut outputs = vec![0.0; most * units];
        for first in (0..rows).step_by(most) {
            let count = most.min(rows - first);
            let part = inputs.as_rows().part(first * width..(first + count) * width);
            self.run_rows(part, &mut outputs[..count * units])?;
            each(first, &outputs[..count * units])?;
        }
        Ok(())
    }

    /// As [`Predictor::predict`], of borrowed rows into a buffer of `[rows, outputs]`.
    ///
    /// # Errors
    /// As [`Predictor::predict`]; [`Error::Usage`] when `outputs` has another length.
    pub fn predict_into(&mut self, rows: Rows<'_>, outputs: &mut [f32]) -> Result<()> {
        check_rows(&self.model, rows, "the inputs")?;
        self.run_rows(rows, outputs)
    }

    /// Answers rows that were checked.
    fn run_rows(&mut self, rows: Rows<'_>, outputs: &mut [f32]) -> Result<()> {
        let (width, units) = (self.model.input().width(), self.model.outputs());
        let count = rows.len() / width;
        if outputs.len() != count * units {
            return Err(Error::usage(format!(
                "{count} rows have {} outputs, but the buffer for them holds {}",
                count * units,
                outputs.len()
            )));
        }
        let feed = self.recording.feeds[0].clone();
        let (Some(routine), Some(store)) = (feed.full, self.recording.store) else {
            return Err(Error::Model("the model was recorded without a prediction".into()));
        };
        for (n, outputs) in outputs.chunks_mut(feed.resident * units).enumerate() {
            let (first, count) = (n * feed.resident, outputs.len() / units);
            let part = rows.part(first * width..(first + count) * width);
            write_rows(part, feed.inputs, self.executor.as_mut())?;
            // The last batch is of as few rows as a routine has, filled up with the first row; its outputs there are
            // not read.
            let (whole, rest) = (count / feed.batch, count % feed.batch);
            let fewer = feed.fewer.iter().find(|(rows, _)| (1..=*rows).contains(&rest));
            let (last, filled) = match (rest, fewer) {
                (0, _) => (None, 0),
                (_, Some(&(rows, routine))) => (Some(Run { routine, times: 1 }), rows),
                (_, None) => (Some(Run { routine, times: 1 }), feed.batch),
            };
            let mut order: Vec<u32> = (0..count as u32).collect();
            order.resize(whole * feed.batch + filled, 0);
            self.executor.write_u32(feed.order, &order)?;
            reset_counters(&self.recording, 0, self.executor.as_mut())?;
            let runs = [(whole > 0).then_some(Run { routine, times: whole }), last];
            for run in runs.into_iter().flatten() {
                self.executor.run(&[run])?;
            }
            outputs.copy_from_slice(&self.executor.read_f32(store.part(0, outputs.len()))?);
        }
        Ok(())
    }
}

/// The outputs for rows of different lengths, in chunks.
fn predict_ragged(
    model: &Model,
    inputs: &Inputs,
    device: &Device,
    each: &mut EachBlock<'_>,
) -> Result<()> {
    check_ragged(model, inputs, "the inputs")?;
    let (count, units) = (inputs.rows(), model.outputs());
    let rows: Vec<usize> = (0..count).collect();
    for rows in rows.chunks((RAGGED_OUTPUTS / units.max(1)).clamp(256, RAGGED_CHUNK)) {
        let part = inputs.take(rows);
        let batch = ((1 << 20) / units.max(1)).clamp(1, 256).min(rows.len());
        let feeds = [FeedSpec {
            rows: rows.len(),
            batch,
            target_width: None,
            weighted: false,
            purpose: Purpose::Prediction,
            ragged: RaggedSpec::of(&part, batch),
            most: usize::MAX,
        }];
        let (recording, mut executor) = build_inference(model, &feeds, 0, device)?;
        let feed = &recording.feeds[0];
        let (Some(ragged), Some(store)) = (&feed.ragged, recording.store) else {
            return Err(Error::Model("the model was recorded without a prediction".into()));
        };
        let mut first = 0;
        while first < rows.len() {
            let count = feed.resident.min(rows.len() - first);
            let resident: Vec<usize> = (first..first + count).collect();
            let resident = part.take(&resident);
            write_inputs(&resident, feed, executor.as_mut())?;
            let order: Vec<u32> = (0..count as u32).collect();
            executor.write_u32(feed.order, &order)?;
            reset_counters(&recording, 0, executor.as_mut())?;
            executor.run(&feed.ragged_runs(ragged, &resident, &order, 1)?)?;
            each(rows[first], &executor.read_f32(store.part(0, count * units))?)?;
            first += count;
        }
    }
    Ok(())
}

impl Model {
    /// The model's outputs for `inputs`, `[rows, outputs]`. For many calls make a [`Predictor`].
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn predict(&self, inputs: &Inputs, device: &Device) -> Result<Vec<f32>> {
        let count = inputs.rows() * self.outputs();
        collected(count, |each| self.predict_in_blocks(inputs, device, each))
    }

    /// As [`Model::predict`], some rows at a time, so that no more than these rows' outputs are in memory: `each` is
    /// called with the number of the first row, from 0, and the outputs `[rows, outputs]`.
    ///
    /// # Errors
    /// As [`Predictor::predict`]; what `each` returns.
    pub fn predict_in_blocks(
        &self,
        inputs: &Inputs,
        device: &Device,
        each: &mut dyn FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        match inputs.is_ragged() {
            true => predict_ragged(self, inputs, device, each),
            false => Predictor::new(self, device)?.predict_in_blocks(inputs, "the inputs", each),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Input, Layer, Loss};

    /// Rows of 1 and of 8 have routines of their own, where a batch is more.
    #[test]
    fn few_rows_have_routines_of_their_own_and_wide_ones_smaller_batches() {
        let of = |features: usize| {
            let layers = vec![Layer::dense(2, Activation::Linear)];
            let model = Model::new(Input::Matrix { features }, layers, Loss::Mse, 1);
            let predictor = Predictor::new(&model.expect("a model"), &Device::cpu());
            let feed = predictor.expect("a predictor").recording.feeds[0].clone();
            let fewer: Vec<usize> = feed.fewer.iter().map(|(rows, _)| *rows).collect();
            (feed.batch, feed.resident, fewer)
        };
        assert_eq!(of(3), (256, 4096, vec![1, 8]));
        assert_eq!(of(1 << 16), (16, 256, vec![1, 8]));
        assert_eq!(of(1 << 17), (8, 128, vec![1]));
        assert_eq!(of((1 << 20) + 1), (1, 16, vec![]));
    }

    #[test]
    fn a_buffer_for_answers_is_as_long_as_they_are() {
        let layers = vec![Layer::dense(3, Activation::Linear)];
        let model = Model::new(Input::Matrix { features: 2 }, layers, Loss::Mse, 1);
        let mut predictor = Predictor::new(&model.expect("a model"), &Device::cpu()).expect("one");
        assert_eq!(format!("{predictor:?}"), "Predictor(3 outputs)");
        let rows = [0.5; 8];
        for (len, fits) in [(12, true), (11, false), (13, false), (4, false), (1, false)] {
            let found = predictor.predict_into(Rows::Matrix(&rows), &mut vec![0.0; len]);
            assert_eq!(found.is_ok(), fits, "{len} for 4 rows of 3");
            let says = format!("4 rows have 12 outputs, but the buffer for them holds {len}");
            assert!(found.err().is_none_or(|error| error.to_string() == says));
        }
        // More rows than go to the device at once.
        let many: Vec<f32> = (0..2 * (2 * CHUNK + 9)).map(|i| (i as f32 * 0.1).sin()).collect();
        let mut outputs = vec![0.0; 3 * many.len() / 2];
        predictor.predict_into(Rows::Matrix(&many), &mut outputs).expect("answers");
        let inputs = Inputs::Matrix { features: 2, values: many.clone() };
        assert!(predictor.predict(&inputs, "rows").expect("answers") == outputs);
        let mut last = [0.0; 3];
        predictor.predict_into(Rows::Matrix(&many[many.len() - 2..]), &mut last).expect("one");
        assert_eq!(outputs[outputs.len() - 3..], last);
    }
}
