//! `group_norm` (Wu and He 2018): the channels of a row in groups, each brought to a mean of 0 and a variance of 1 over all its
//! places, then scaled by gamma and shifted by beta channel by channel, as Keras' `GroupNormalization`: `{ group_norm = { groups
//! = 8 } }`. `groups = -1` is a group for each channel (instance normalisation). Rows do not depend on one another.
//!
//! Backward, with g = gamma dy and n values in a group: dgamma and dbeta are the sums of dy xhat and of dy; dx = (g - mean(g)
//! - xhat mean(g xhat)) / sqrt(variance + epsilon), times the derivative of the activation that x went through.

use serde::{Deserialize, Serialize};

use super::plan::{Lowering, Operation, ValueId};
use super::record::{At, Step};
use super::{Describe, Layer, Layout, ParameterSpec, Shape, values};
use crate::kernels::{
    self, Span, norm, norm_gradient_input, norm_gradient_parts, norm_group_sums, norm_moments,
    norm_parts, sum_parts,
};

/// Each group of a row's channels brought to a mean of 0 and a variance of 1, then scaled and shifted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GroupNorm {
    /// How many groups; they divide the channels. -1 for a group for each channel.
    pub groups: i64,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Default for GroupNorm {
    fn default() -> Self {
        GroupNorm { groups: 32, epsilon: 1e-3 }
    }
}

impl Layer {
    /// Each of `groups` groups of a row's channels brought to a mean of 0 and a variance of 1, with Keras' epsilon of 1e-3.
    pub fn group_norm(groups: i64) -> Layer {
        GroupNorm { groups, ..GroupNorm::default() }.into()
    }
}

impl Describe for GroupNorm {
    fn kind(&self) -> &'static str {
        "group_norm"
    }

    fn title(&self) -> &'static str {
        "GroupNormalization"
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        if !(self.epsilon > 0.0 && self.epsilon < 1.0) {
            return Err(format!("epsilon is {}, but must be above 0 and below 1", self.epsilon));
        }
        let shape = values(inputs[0])?;
        let groups = usize::try_from(self.groups).unwrap_or(usize::MAX);
        match self.groups == -1 || (groups > 0 && shape.units().is_multiple_of(groups)) {
            true => Ok(shape),
            false => Err(format!(
                "groups is {}, but must divide the {} channels; or -1 for a group for each",
                self.groups,
                shape.units()
            )),
        }
    }

    fn parameters(&self, input: Shape) -> Vec<ParameterSpec> {
        ParameterSpec::gamma_and_beta(input.units())
    }

    fn layout(&self, input: Shape) -> Option<Layout> {
        Some(Layout::gamma_and_beta(input.units()))
    }

    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId {
        let shape = to.shape(inputs[0]);
        let group = match usize::try_from(self.groups) {
            Ok(groups) => shape.units() / groups.max(1),
            Err(_) => 1,
        };
        let operation = Normalise { group, epsilon: self.epsilon, activation: Default::default() };
        to.operation(operation, inputs, shape)
    }
}

/// Group normalisation, `group` channels a group. Its scratch holds the moments, `[rows, 2, units]`, and as many sums.
#[derive(Debug)]
struct Normalise {
    group: usize,
    epsilon: f64,
    activation: kernels::Activation,
}

impl Normalise {
    /// Elements of the moments, and of the sums behind them.
    fn len(rows: usize, shape: Shape) -> usize {
        (rows * 2 * shape.units()).next_multiple_of(crate::program::ALIGNMENT)
    }

    /// Vectors of a part, and parts of all rows.
    fn cut(rows: usize, shape: Shape) -> (usize, usize) {
        let part_rows = norm_parts::part_rows(shape.vectors());
        (part_rows, rows * shape.vectors().div_ceil(part_rows))
    }
}

impl Operation for Normalise {
    fn is_cheap(&self) -> bool {
        true
    }

    fn scratch(&self, rows: usize, inputs: &[Shape]) -> usize {
        2 * Self::len(rows, inputs[0])
    }

    fn parts(&self, rows: usize, input: Shape) -> usize {
        Self::cut(rows, input).1 * 2 * input.units()
    }

    fn fuse(&mut self, activation: kernels::Activation) -> bool {
        self.activation = activation;
        true
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> kernels::Activation {
        let (&[input], [piece]) = (at.inputs, step.pieces(at.layer)) else {
            return kernels::Activation::Linear;
        };
        let (part_rows, count) = Self::cut(step.rows, input.shape);
        let (blocks, length) = (step.rows as u32, input.shape.vectors() as u32);
        let (units, part_rows) = (input.shape.units() as u32, part_rows as u32);
        let parts = step.space.gradient_parts.part(0, count * 2 * input.shape.units());
        let moments = at.scratch.part(0, step.rows * 2 * input.shape.units());
        let params = norm_parts::Params { blocks, length, units, part_rows };
        step.push(norm_parts::dispatch(params, norm_parts::Bindings { input: input.span, parts }));
        let group = self.group as u32;
        let params = norm_moments::Params { blocks, length, units, part_rows, group };
        step.push(norm_moments::dispatch(params, norm_moments::Bindings { parts, moments }));
        let (epsilon, activation) = (self.epsilon as f32, self.activation.code());
        let params = norm::Params { blocks, length, units, epsilon, activation };
        let (input, weights, output) = (input.span, step.weights(piece), at.output);
        step.push(norm::dispatch(params, norm::Bindings { input, weights, moments, output }));
        self.activation
    }

    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>) {
        let (&[input], [piece]) = (at.inputs, step.pieces(at.layer)) else { return };
        let (part_rows, count) = Self::cut(step.rows, input.shape);
        let (blocks, length) = (step.rows as u32, input.shape.vectors() as u32);
        let width = input.shape.units();
        let (units, epsilon) = (width as u32, self.epsilon as f32);
        let parts = step.space.gradient_parts.part(0, count * 2 * width);
        let moments = at.scratch.part(0, step.rows * 2 * width);
        let params =
            norm_gradient_parts::Params { blocks, length, units, part_rows: part_rows as u32, epsilon };
        let bindings =
            norm_gradient_parts::Bindings { input: input.span, moments, d_output, parts };
        step.push(norm_gradient_parts::dispatch(params, bindings));
        if let Some(d_input) = d_inputs[0] {
            let (weights, group) = (step.weights(piece), self.group as u32);
            let behind = Self::len(step.rows, input.shape);
            let sums = at.scratch.part(behind, step.rows * 2 * width);
            let count = (count / step.rows) as u32;
            let params = norm_group_sums::Params { blocks, count, units, group };
            let bindings = norm_group_sums::Bindings { parts, weights, sums };
            step.push(norm_group_sums::dispatch(params, bindings));
            let params = norm_gradient_input::Params {
                blocks,
                length,
                units,
                count: length * group,
                epsilon,
                activation: input.activation.code(),
                by_channel: 0,
            };
            let input = input.span;
            let bindings =
                norm_gradient_input::Bindings { input, weights, moments, sums, d_output, d_input };
            step.push(norm_gradient_input::dispatch(params, bindings));
        }
        if step.space.places.learns(at.layer) {
            let params = sum_parts::Params { count: 2 * units, parts: count as u32 };
            let bindings = sum_parts::Bindings { parts, sums: step.weight_gradient(piece) };
            step.push(sum_parts::dispatch(params, bindings));
            step.update_piece(piece);
        }
    }
}
