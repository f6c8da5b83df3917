//! `layer_norm` (Ba et al. 2016): y = gamma (x - mean) / sqrt(variance + epsilon) + beta over each vector x along the last
//! axis, in Keras' form. gamma begins at 1, beta at 0.
//!
//! Backward, with xhat = (x - mean) / sqrt(variance + epsilon) and g = dy gamma: dgamma = sum of dy xhat,
//! dbeta = sum of dy, dx = (g - mean(g) - xhat mean(g xhat)) / sqrt(variance + epsilon), times the derivative of the
//! activation that x went through. Mean and deviation are kept from the forward pass.

use serde::{Deserialize, Serialize};

use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Piece, Step};
use super::{Describe, Layer, Layout, ParameterSpec, Shape, values};
use crate::kernels::{
    self, Span, layer_norm, layer_norm_gradient_input, layer_norm_gradient_weights, sum_parts,
};

/// gamma (x - mean) / sqrt(variance + epsilon) + beta over each vector x along the last axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LayerNorm {
    /// Added to the variance.
    pub epsilon: f64,
}

impl Default for LayerNorm {
    fn default() -> Self {
        LayerNorm { epsilon: 1e-3 }
    }
}

impl Layer {
    /// gamma (x - mean) / sqrt(variance + epsilon) + beta over each vector, with Keras' epsilon of 1e-3.
    pub fn layer_norm() -> Layer {
        LayerNorm::default().into()
    }
}

impl Describe for LayerNorm {
    fn kind(&self) -> &'static str {
        "layer_norm"
    }

    fn title(&self) -> &'static str {
        "LayerNormalization"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        if !(self.epsilon > 0.0 && self.epsilon < 1.0) {
            return Err(format!("epsilon is {}, but must be above 0 and below 1", self.epsilon));
        }
        values(inputs[0])
    }

    fn parameters(&self, input: Shape) -> Vec<ParameterSpec> {
        ParameterSpec::gamma_and_beta(input.units())
    }

    fn layout(&self, input: Shape) -> Option<Layout> {
        Some(Layout::gamma_and_beta(input.units()))
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        to.operation(Normalise { epsilon: self.epsilon }, inputs, to.shape(inputs[0]))
    }
}

/// Layer normalisation over each vector along the last axis.
#[derive(Debug)]
struct Normalise {
    epsilon: f64,
}

impl Operation for Normalise {
    fn is_cheap(&self) -> bool {
        true
    }

    fn scratch(&self, rows: usize, inputs: &[Shape]) -> usize {
        // Mean and 1 / sqrt(variance + epsilon) of each vector.
        2 * rows * inputs[0].vectors()
    }

    fn gradient_parts(&self, rows: usize, input: Shape, _: &[Piece]) -> usize {
        let vectors = rows * input.vectors();
        vectors.div_ceil(layer_norm_gradient_weights::part_rows(vectors)) * 2 * input.units()
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let (&[input], [piece]) = (at.inputs, step.pieces(at.layer)) else {
            return kernels::Activation::Linear;
        };
        let params = layer_norm::Params {
            rows: (step.rows * at.shape.vectors()) as u32,
            units: at.shape.units() as u32,
            epsilon: self.epsilon as f32,
        };
        let bindings = layer_norm::Bindings {
            input: input.span,
            weights: step.weights(piece),
            output: at.output,
            moments: at.scratch,
        };
        step.push(layer_norm::dispatch(params, bindings));
        kernels::Activation::Linear
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let (&[input], [piece]) = (at.inputs, step.pieces(at.layer)) else { return };
        let vectors = step.rows * at.shape.vectors();
        let (rows, units) = (vectors as u32, at.shape.units() as u32);
        if let Some(d_input) = d_inputs[0] {
            let activation = input.activation.code();
            let params = layer_norm_gradient_input::Params { rows, units, activation };
            let bindings = layer_norm_gradient_input::Bindings {
                input: input.span,
                weights: step.weights(piece),
                moments: at.scratch,
                d_output,
                d_input,
            };
            step.push(layer_norm_gradient_input::dispatch(params, bindings));
        }
        if !step.space.places.learns(at.layer) {
            return;
        }
        let part_rows = layer_norm_gradient_weights::part_rows(vectors);
        let count = vectors.div_ceil(part_rows);
        let parts = step.space.gradient_parts.part(0, count * piece.len);
        let params =
            layer_norm_gradient_weights::Params { rows, units, part_rows: part_rows as u32 };
        let (input, moments) = (input.span, at.scratch);
        let bindings = layer_norm_gradient_weights::Bindings { input, moments, d_output, parts };
        step.push(layer_norm_gradient_weights::dispatch(params, bindings));
        let params = sum_parts::Params { count: piece.len as u32, parts: count as u32 };
        let bindings = sum_parts::Bindings { parts, sums: step.weight_gradient(piece) };
        step.push(sum_parts::dispatch(params, bindings));
        step.update_piece(piece);
    }
}
