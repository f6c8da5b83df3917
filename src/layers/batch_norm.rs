//! `batch_norm` (Ioffe and Szegedy 2015): each channel brought to a mean of 0 and a variance of 1 over the batch and all places,
//! then scaled by gamma and shifted by beta, as Keras' `BatchNormalization`: `{ batch_norm = {} }`, or `{ momentum = 0.99, epsilon
//! = 1e-3 }`. It reads vectors `[units]`, sequences `[length, units]` and pictures `[height, width, channels]`; the last axis
//! is normalised.
//!
//! In training mean and biased variance are those of the rows that a batch has, be they fewer at the end of an epoch, and
//! gradients go through them. Of a batch of one row of one place the variance is 0: the layer gives beta there, and nothing
//! before it learns from that row. Each step moves the running statistics, `moving_mean` and `moving_variance`, towards the
//! batch's: `moving = momentum moving + (1 - momentum) batch`. They are parameters in files and checkpoints, which no
//! optimizer changes. Evaluation, prediction and a frozen layer take the running ones, and leave them as they are.
//!
//! Backward, with n values a channel: dgamma and dbeta are the sums of dy xhat and of dy; dx = gamma (dy - dbeta / n - xhat
//! dgamma / n) / sqrt(variance + epsilon), times the derivative of the activation that x went through.

use serde::{Deserialize, Serialize};

use super::reach::Reach;
use super::plan::{Lowering, Operation, Purpose, ValueId};
use super::record::{At, Piece, Step};
use super::{Describe, Initializer, Layer, Layout, ParameterSpec, Shape, values};
use crate::kernels::{
    self, Span, moving_average, norm, norm_gradient_input, norm_gradient_parts, norm_moments,
    norm_parts, sum_parts,
};

/// Each channel brought to a mean of 0 and a variance of 1 over the batch, then scaled and shifted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BatchNorm {
    /// The part of the running statistics that stays at each step.
    pub momentum: f64,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Default for BatchNorm {
    fn default() -> Self {
        BatchNorm { momentum: 0.99, epsilon: 1e-3 }
    }
}

impl BatchNorm {
    /// The same with another part of the running statistics that stays at each step, from 0 to 1.
    pub fn with_momentum(self, momentum: f64) -> BatchNorm {
        BatchNorm { momentum, ..self }
    }
}

impl Layer {
    /// Each channel brought to a mean of 0 and a variance of 1 over the batch, with Keras' momentum of 0.99 and epsilon of
    /// 1e-3.
    pub fn batch_norm() -> Layer {
        BatchNorm::default().into()
    }
}

impl Describe for BatchNorm {
    fn kind(&self) -> &'static str {
        "batch_norm"
    }

    fn title(&self) -> &'static str {
        "BatchNormalization"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        if !(self.epsilon > 0.0 && self.epsilon < 1.0) {
            return Err(format!("epsilon is {}, but must be above 0 and below 1", self.epsilon));
        }
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(format!("momentum is {}, but must be from 0 to 1", self.momentum));
        }
        values(inputs[0])
    }

    fn parameters(&self, input: Shape) -> Vec<ParameterSpec> {
        let spec =
            |role, initializer| ParameterSpec { role, shape: vec![input.units()], initializer };
        let mut specs = ParameterSpec::gamma_and_beta(input.units());
        specs.push(spec("moving_mean", Initializer::Zeros));
        specs.push(spec("moving_variance", Initializer::Ones));
        specs
    }

    fn layout(&self, input: Shape) -> Option<Layout> {
        Some(Layout::gamma_and_beta(input.units()))
    }

    fn statistics(&self) -> usize {
        2
    }

    fn mixes_rows(&self) -> bool {
        true
    }

    fn reach(&self) -> Reach {
        Reach::Pixel
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        let (momentum, epsilon) = (self.momentum, self.epsilon);
        let operation = Normalise { momentum, epsilon, activation: Default::default() };
        to.operation(operation, inputs, to.shape(inputs[0]))
    }
}

/// Batch normalisation. Its scratch holds the batch's moments, `[2, units]`.
#[derive(Debug)]
struct Normalise {
    momentum: f64,
    epsilon: f64,
    activation: kernels::Activation,
}

/// Vectors of a batch.
fn vectors(rows: usize, shape: Shape) -> usize {
    rows * shape.vectors()
}

/// Whether moments are those of the batch.
fn by_batch(layer: usize, step: &Step<'_>) -> bool {
    step.purpose == Purpose::Training && step.space.places.learns(layer)
}

impl Normalise {
    /// Where the moments are: those of the batch, once they were taken, or the running ones.
    fn moments(at: &At<'_>, statistics: &Piece, step: &Step<'_>) -> Span {
        match by_batch(at.layer, step) {
            true => at.scratch.part(0, 2 * at.shape.units()),
            false => step.weights(statistics),
        }
    }

    /// Records the output, from moments that are there.
    fn apply(&self, at: &At<'_>, moments: Span, step: &mut Step<'_>) {
        let (&[input], [piece, _]) = (at.inputs, step.pieces(at.layer)) else { return };
        let params = norm::Params {
            blocks: 1,
            length: vectors(step.rows, input.shape) as u32,
            units: input.shape.units() as u32,
            epsilon: self.epsilon as f32,
            activation: self.activation.code(),
        };
        let (input, weights, output) = (input.span, step.weights(piece), at.output);
        step.push(norm::dispatch(params, norm::Bindings { input, weights, moments, output }));
    }
}

impl Operation for Normalise {
    fn is_cheap(&self) -> bool {
        true
    }

    fn training_scratch(&self, _: usize, inputs: &[Shape]) -> usize {
        2 * inputs[0].units()
    }

    fn gradient_parts(&self, rows: usize, input: Shape, _: &[Piece]) -> usize {
        let length = vectors(rows, input);
        length.div_ceil(norm_parts::part_rows(length)) * 2 * input.units()
    }

    fn fuse(&mut self, activation: kernels::Activation) -> bool {
        self.activation = activation;
        true
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let (&[input], [_, statistics]) = (at.inputs, step.pieces(at.layer)) else {
            return kernels::Activation::Linear;
        };
        let moments = Normalise::moments(at, statistics, step);
        let statistics = step.weights(statistics);
        let (all, width) = (vectors(step.rows, input.shape), input.shape.units());
        let (blocks, length, units) = (1, all as u32, width as u32);
        if by_batch(at.layer, step) {
            let part_rows = norm_parts::part_rows(all);
            let parts = all.div_ceil(part_rows) * 2 * width;
            let (parts, part_rows) = (step.space.gradient_parts.part(0, parts), part_rows as u32);
            let params = norm_parts::Params { blocks, length, units, part_rows };
            let bindings = norm_parts::Bindings { input: input.span, parts };
            step.push(norm_parts::dispatch(params, bindings));
            let params = norm_moments::Params { blocks, length, units, part_rows, group: 1 };
            step.push(norm_moments::dispatch(params, norm_moments::Bindings { parts, moments }));
            let params = moving_average::Params {
                count: 2 * units,
                momentum: self.momentum as f32,
                rest: (1.0 - self.momentum) as f32,
            };
            let bindings = moving_average::Bindings { values: moments, averages: statistics };
            step.push(moving_average::dispatch(params, bindings));
        }
        self.apply(at, moments, step);
        self.activation
    }

    fn again(&self, at: &At<'_>, step: &mut Step<'_>) {
        let [_, statistics] = step.pieces(at.layer) else { return };
        self.apply(at, Normalise::moments(at, statistics, step), step);
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let (&[input], [piece, statistics]) = (at.inputs, step.pieces(at.layer)) else { return };
        let (all, width) = (vectors(step.rows, input.shape), input.shape.units());
        let (blocks, length, units) = (1, all as u32, width as u32);
        let (learns, epsilon) = (by_batch(at.layer, step), self.epsilon as f32);
        let moments = Normalise::moments(at, statistics, step);
        let mut sums = step.space.nothing;
        if learns {
            sums = step.weight_gradient(piece);
            let part_rows = norm_parts::part_rows(all);
            let count = all.div_ceil(part_rows);
            let parts = step.space.gradient_parts.part(0, count * 2 * width);
            let part_rows = part_rows as u32;
            let params = norm_gradient_parts::Params { blocks, length, units, part_rows, epsilon };
            let bindings =
                norm_gradient_parts::Bindings { input: input.span, moments, d_output, parts };
            step.push(norm_gradient_parts::dispatch(params, bindings));
            let params = sum_parts::Params { count: 2 * units, parts: count as u32 };
            step.push(sum_parts::dispatch(params, sum_parts::Bindings { parts, sums }));
        }
        if let Some(d_input) = d_inputs[0] {
            let params = norm_gradient_input::Params {
                blocks,
                length,
                units,
                // Running moments do not depend on the batch.
                count: if learns { length } else { 0 },
                epsilon,
                activation: input.activation.code(),
                by_channel: 1,
            };
            let (input, weights) = (input.span, step.weights(piece));
            let bindings =
                norm_gradient_input::Bindings { input, weights, moments, sums, d_output, d_input };
            step.push(norm_gradient_input::dispatch(params, bindings));
        }
        if learns {
            step.update_piece(piece);
        }
    }
}
