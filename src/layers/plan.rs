//! A model as operations over values: what [`crate::layers::Layer`]s are lowered to, what fusions rewrite,
//! and what a recorder walks, forward and then backward.
//!
//! A value is made once, by one operation (or is the model's input), and may be read by any number of later
//! ones; its gradient is then the sum of what they give, in their order. A view is a value with the elements
//! of another and a shape of its own. Operations stand in the order in which they run.

use std::any::Any;
use std::fmt::Debug;

use super::record::{At, Step};
use super::{Layer, Shape};
use crate::kernels::{Activation, Span};

/// What a step is recorded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Forward, loss, backward, update.
    Training,
    /// Forward and loss: dropout passes its input on.
    Evaluation,
    /// Forward; the last activation is applied and the outputs are stored.
    Prediction,
}

/// One operation of a plan. The contract between neighbours:
///
/// - `forward` writes all of `at.output`, `[rows, width]`, and returns the activation whose values those
///   are: `y` where `y = activation(z)` was fused into the kernel, [`Activation::Linear`] otherwise. Where
///   `at.gives_logits`, nothing is activated: the loss or the store reads `z`.
/// - A gradient is always with respect to `z`, before the activation. So whoever writes the gradient of
///   an input multiplies it by the derivative of *that input's* activation (`at.inputs[i].activation`, at the
///   values `at.inputs[i].span`). `d_output` comes that way and needs no factor.
/// - `backward` writes all of each `d_inputs[i]` that is given (`None` where nothing before it learns), before
///   it updates weights that the gradient of an input reads; and the gradient of its weights, by
///   [`Step::weight_gradient`] and [`Step::update_piece`] behind it.
/// - `backward` does not read `at.output`, which others may have written over; and its inputs only where
///   `reads_inputs_backward` says so, which keeps them until then.
/// - What changes with the purpose is asked of `step.purpose`, or said by `passes_on`.
pub(crate) trait Operation: Any + Debug {
    /// Elements that it keeps from forward to backward beside its output, in `at.scratch`.
    fn scratch(&self, _rows: usize, _inputs: &[Shape]) -> usize {
        0
    }

    /// Elements of `step.gradient_parts` that it needs, over `rows` rows: a buffer that operations share.
    fn gradient_parts(
        &self,
        _rows: usize,
        _input: Shape,
        _pieces: &[super::record::Piece],
    ) -> usize {
        0
    }

    /// The same, of parts that it writes forward, whatever the purpose.
    fn parts(&self, _rows: usize, _input: Shape) -> usize {
        0
    }

    /// As [`Operation::scratch`], of what it keeps in training alone, behind the rest.
    fn training_scratch(&self, _rows: usize, _inputs: &[Shape]) -> usize {
        0
    }

    /// Whether `backward` reads the inputs.
    fn reads_inputs_backward(&self) -> bool {
        true
    }

    /// Whether its output is computed again at little cost beside a product, by [`Operation::again`].
    fn is_cheap(&self) -> bool {
        false
    }

    /// Records its output again, to the bit, from what `forward` read and kept, which it leaves as it is. Where it
    /// [is cheap](Operation::is_cheap).
    fn again(&self, at: &At<'_>, step: &mut Step<'_>) {
        self.forward(at, step);
    }

    /// Takes an activation that stands behind it into what it records; false where it cannot.
    fn fuse(&mut self, _activation: Activation) -> bool {
        false
    }

    /// Whether its output is its first input, as it is: dropout outside of training.
    fn passes_on(&self, _purpose: Purpose) -> bool {
        false
    }

    /// Records what it computes.
    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> Activation;

    /// Records the gradients of its inputs and of its weights.
    fn backward(&self, at: &At<'_>, d_output: Span, d_inputs: &[Option<Span>], step: &mut Step<'_>);

    /// What it is to `small_steps`, if that kernel knows it.
    fn as_small(&self) -> Option<Small> {
        None
    }
}

/// An operation as `kernels/small_steps.rs` knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Small {
    /// Whether it looks ids up in a table.
    pub embeds: bool,
    /// Units of the table, or outputs.
    pub units: usize,
    pub activation: Activation,
}

/// A value, by its place in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValueId(pub usize);

/// What is known of a value.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub shape: Shape,
    /// The value whose elements these are, for a view.
    pub view_of: Option<ValueId>,
}

/// An operation at its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub operation: Box<dyn Operation>,
    /// The layer whose weights it has.
    pub layer: usize,
    pub inputs: Vec<ValueId>,
    pub output: ValueId,
}

/// Operations over values.
#[derive(Debug)]
pub(crate) struct Plan {
    pub nodes: Vec<Node>,
    /// The model's input first.
    pub values: Vec<Value>,
    /// What the loss or the store reads.
    pub output: ValueId,
    /// Elements of a row of the output in training, where these are not those of its shape: the candidates' logits, where
    /// classes are sampled.
    pub training_width: Option<usize>,
}

/// The model's input.
pub(crate) const INPUT: ValueId = ValueId(0);

impl Plan {
    /// The plan of `layers` over rows of `input`; `names` are the layers'. The layers were checked.
    pub fn lower(input: Shape, layers: &[Layer], names: &[String]) -> Plan {
        let first = Value { shape: input, view_of: None };
        let (nodes, values) = (Vec::new(), vec![first]);
        let mut plan = Plan { nodes, values, output: INPUT, training_width: None };
        let mut given: Vec<ValueId> = Vec::new();
        for (i, layer) in layers.iter().enumerate() {
            let mut inputs = vec![plan.output];
            let from =
                layer.from().and_then(|from| names[..i].iter().position(|name| name == from));
            inputs.extend(from.map(|earlier| given[earlier]));
            let mut lowering = Lowering { plan: &mut plan, layer: i };
            let output = layer.describe().lower(&inputs, &mut lowering);
            plan.output = output;
            given.push(output);
        }
        plan
    }

    /// The value whose elements are those of `value`: itself unless it is a view.
    pub fn root(&self, mut value: ValueId) -> ValueId {
        while let Some(of) = self.values[value.0].view_of {
            value = of;
        }
        value
    }

    pub fn shape(&self, value: ValueId) -> Shape {
        self.values[value.0].shape
    }

    /// Elements of a row of a value, in training or in steps for other purposes.
    pub fn width(&self, value: ValueId, trains: bool) -> usize {
        let own = self.training_width.filter(|_| trains && value == self.root(self.output));
        own.unwrap_or(self.shape(value).width())
    }

    /// Nodes that read a value or a view of it, once for each time that they do.
    pub fn readers(&self, value: ValueId) -> Vec<usize> {
        let root = self.root(value);
        let reads =
            |node: &Node| node.inputs.iter().filter(|&&input| self.root(input) == root).count();
        let nodes = self.nodes.iter().enumerate();
        nodes.flat_map(|(i, node)| std::iter::repeat_n(i, reads(node))).collect()
    }

    /// The operation of a node, if it is a `T`.
    pub fn operation<T: Operation>(&self, node: usize) -> Option<&T> {
        let operation: &dyn Any = self.nodes.get(node)?.operation.as_ref();
        operation.downcast_ref()
    }

    /// Replaces a node by the one before it, which does its work too.
    pub fn merge(&mut self, node: usize, into: usize) {
        self.nodes[into].output = self.nodes[node].output;
        self.nodes.remove(node);
    }

    /// The one reader of what `node` gives.
    pub fn only_reader(&self, node: usize) -> Option<usize> {
        match self.readers(self.nodes[node].output)[..] {
            [reader] if self.root(self.output) != self.nodes[node].output => Some(reader),
            _ => None,
        }
    }
}

/// Where a layer adds its operations to a plan.
pub(crate) struct Lowering<'a> {
    plan: &'a mut Plan,
    layer: usize,
}

impl Lowering<'_> {
    /// Number of the layer among the model's: what counter-based draws are told apart by.
    pub fn layer(&self) -> usize {
        self.layer
    }

    pub fn shape(&self, value: ValueId) -> Shape {
        self.plan.shape(value)
    }

    /// Adds an operation; returns what it gives.
    pub fn operation(
        &mut self,
        operation: impl Operation,
        inputs: &[ValueId],
        shape: Shape,
    ) -> ValueId {
        let output = self.value(shape, None);
        let operation = Box::new(operation);
        let node = Node { operation, layer: self.layer, inputs: inputs.to_vec(), output };
        self.plan.nodes.push(node);
        output
    }

    /// The elements of `value` with another shape.
    pub fn view(&mut self, value: ValueId, shape: Shape) -> ValueId {
        self.value(shape, Some(value))
    }

    fn value(&mut self, shape: Shape, view_of: Option<ValueId>) -> ValueId {
        self.plan.values.push(Value { shape, view_of });
        ValueId(self.plan.values.len() - 1)
    }
}
