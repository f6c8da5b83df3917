//! Small models: many steps in one dispatch of `kernels/small_steps.rs`.

use super::feed::{Feed, FeedSpec};
use super::record::Request;
use crate::kernels::{Dispatch, Span, small_steps};
use crate::layers::BiasPlace;
use crate::layers::plan::{INPUT, Plan};
use crate::layers::record::Workspace;
use crate::model::Input;
use crate::optimizers::SmallRule;
use crate::program::ALIGNMENT;

/// Multiply-adds of a forward pass up to which one workgroup is faster than many dispatches.
const WORK: usize = 1 << 14;

/// A model whose steps share a dispatch.
pub(super) struct Small {
    layers: Vec<small_steps::Layer>,
    /// Values of a batch.
    values: usize,
    loss: small_steps::Loss,
    rule: SmallRule,
    /// Steps that one dispatch does at most.
    pub steps_at_once: usize,
}

impl Small {
    /// The plan as `small_steps` takes it, if it is a chain of what that kernel knows, fits, and is so small
    /// that a dispatch costs more than a step's work.
    pub fn new(plan: &Plan, request: &Request<'_>, feed: &FeedSpec) -> Option<Small> {
        let model = request.model;
        let loss = model.loss().objective().as_small()?;
        let rule = request.optimizer.as_ref()?.as_small()?;
        let is_matrix = matches!(model.input(), Input::Matrix { .. });
        if !request.fusions.small_steps
            || request.frozen > 0
            || request.needs_gradients()
            || request.label_smoothing > 0.0
            || request.sampled_classes.is_some()
            || model.noise.is_some()
            || request.augment.is_some()
            || feed.weighted
            || feed.target_width.is_none() && !is_matrix
            || model.loss().objective().groups(feed.batch, model.outputs()) > 1
        {
            return None;
        }
        let mut layers = Vec::new();
        // Each layer's weights begin a multiple of the alignment in, as `place` has them.
        let (mut weights, mut work) = (0, 0);
        let mut read = INPUT;
        for node in &plan.nodes {
            let small = node.operation.as_small()?;
            let [input] = node.inputs[..] else { return None };
            if plan.root(input) != read || plan.readers(input).len() > 1 {
                return None;
            }
            read = node.output;
            let shape = plan.shape(input);
            let reads = shape.width();
            let layout = model.layers()[node.layer].describe().layout(shape)?;
            let own = (layout.rows + (layout.bias == BiasPlace::Behind) as usize) * layout.units;
            layers.push(small_steps::Layer {
                embeds: small.embeds,
                reads,
                units: small.units,
                activation: small.activation,
                weights,
                output: 0,
            });
            weights += own.next_multiple_of(ALIGNMENT);
            work += if small.embeds { 0 } else { feed.batch * own };
        }
        let mut values = if is_matrix { feed.batch * model.input().width() } else { 0 };
        for layer in &mut layers {
            layer.output = 4 * weights + values;
            values += feed.batch * layer.gives();
        }
        let table_rows = model.embedding_rows().unwrap_or(0);
        let steps_at_once = small_steps::steps_at_once(&layers, feed.batch, weights, table_rows);
        let fits =
            4 * weights + 2 * values <= small_steps::ROOM && work <= WORK && steps_at_once > 0;
        (fits && !layers.is_empty()).then_some(Small { layers, values, loss, rule, steps_at_once })
    }

    /// Words in `state` that describe the layers, from TABLE_ROWS on.
    pub fn words(&self, table_rows: usize) -> Vec<u32> {
        let layers = self.layers.iter().flat_map(|layer| layer.words());
        std::iter::once(table_rows as u32).chain(layers).collect()
    }

    /// Up to `steps_at_once` steps over whatever rows come next.
    pub fn record(
        &self,
        request: &Request<'_>,
        space: &Workspace,
        feed: &Feed,
        spec: FeedSpec,
        history: Span,
    ) -> Dispatch {
        let (sgd, numbers) = match self.rule {
            SmallRule::Sgd { momentum } => (1, [momentum, 0.0, 0.0]),
            SmallRule::Adam(adam) => (0, [adam.beta_1, adam.beta_2, adam.epsilon]),
        };
        let weights = space.places.segments[0].weights;
        let (state, order, inputs) = (space.state, feed.order, feed.inputs);
        let targets = feed.targets.unwrap_or(space.nothing);
        let schedule = space.schedule;
        let arena = Span { len: 4 * weights.len, ..weights };
        macro_rules! dispatch {
            ($kernel:ident) => {
                small_steps::$kernel::dispatch(
                    small_steps::$kernel::Params {
                        batch: spec.batch as u32,
                        input_width: request.model.input().width() as u32,
                        target_width: spec.target_width.unwrap_or(0) as u32,
                        layers: self.layers.len() as u32,
                        weights: weights.len as u32,
                        values: self.values as u32,
                        loss: self.loss as u32,
                        sgd,
                        beta_1: numbers[0] as f32,
                        beta_2: numbers[1] as f32,
                        complement_1: (1.0 - numbers[0]) as f32,
                        complement_2: (1.0 - numbers[1]) as f32,
                        epsilon: numbers[2] as f32,
                        steps: self.steps_at_once as u32,
                    },
                    small_steps::$kernel::Bindings {
                        state,
                        order,
                        inputs,
                        targets,
                        schedule,
                        arena,
                        history,
                    },
                )
            };
        }
        match request.model.input() {
            Input::Ids { .. } => dispatch!(ids),
            Input::Matrix { .. } => dispatch!(matrix),
        }
    }
}
