//! Records a model as a program: one step of training, of evaluation, of prediction.
//!
//! A step reads a batch from a [`Feed`], runs the layers forward, computes loss and gradient,
//! runs the layers backward, and updates the weights. What a layer computes is said here, once
//! forward and once backward; its shapes and parameters are in `model/layer.rs`.

use crate::error::{Error, Result};
use crate::kernels::{self, *};
use crate::model::{Activation, Input, Layer, Loss, Model, Shape};
use crate::program::{ALIGNMENT, Program, RoutineId};

use super::{Optimizer, Role};

/// Steps whose losses the history buffer holds.
pub(super) const MAX_SLOTS: usize = 4096;

/// Rows that an order buffer holds beyond one epoch's, so that short epochs share a submission.
const ORDER_ROWS: usize = 1 << 18;

/// Parameters that share one buffer of weights, one of gradients and one of each moment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub weights: Span,
    pub gradients: Option<Span>,
    pub moments: Vec<Span>,
    pub best: Option<Span>,
}

/// Where a layer's parameters lie: a range of a segment's buffers. A dense layer's kernel and
/// bias lie behind one another, `[inputs + 1, units]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub segment: usize,
    pub offset: usize,
    pub len: usize,
}

/// A data set's place on the device, and the routines that take batches from it.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub inputs: Span,
    pub targets: Option<Span>,
    pub order: Span,
    /// Rows that `inputs` holds; fewer than `rows` when the data set is streamed.
    pub resident: usize,
    /// Rows of the data set.
    pub rows: usize,
    pub batch: usize,
    /// A step over `batch` rows.
    pub full: Option<RoutineId>,
    /// A step over the rows that are left, `rows % batch`.
    pub tail: Option<RoutineId>,
    /// Groups of a history slot.
    pub groups: usize,
}

/// What a feed is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Training,
    Evaluation,
    Prediction,
}

/// What a feed needs to know of a data set.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeedSpec {
    pub rows: usize,
    pub batch: usize,
    /// Targets of a row; `None` where the targets are the inputs.
    pub target_width: Option<usize>,
    pub purpose: Purpose,
}

/// A recorded model.
#[derive(Debug)]
pub(super) struct Recording {
    pub program: Program,
    pub state: Span,
    pub schedule: Span,
    pub history: Span,
    pub segments: Vec<Segment>,
    /// One a layer that has parameters, by layer.
    pub blocks: Vec<Option<Block>>,
    pub feeds: Vec<Feed>,
    /// Outputs of a prediction, `[resident rows, outputs]`.
    pub store: Option<Span>,
}

impl Recording {
    /// Where the parameters of a role lie, layer by layer.
    ///
    /// # Errors
    /// [`Error::Usage`] when this recording has no such arrays.
    pub fn spans(&self, role: Role) -> Result<Vec<Span>> {
        let span = |block: &Block| {
            let segment = &self.segments[block.segment];
            let whole = match role {
                Role::Weights => Some(segment.weights),
                Role::BestWeights => segment.best,
                Role::Gradients => segment.gradients,
                Role::FirstMoments => segment.moments.first().copied(),
                Role::SecondMoments => segment.moments.get(1).copied(),
            };
            whole
                .map(|whole| whole.part(block.offset, block.len))
                .ok_or_else(|| Error::usage(format!("this session keeps no {role:?}")))
        };
        self.blocks.iter().flatten().map(span).collect()
    }
}

/// What the recording is asked for.
pub(super) struct Request<'a> {
    pub model: &'a Model,
    pub feeds: &'a [FeedSpec],
    /// Required where a feed trains.
    pub optimizer: Option<Optimizer>,
    pub seed: u64,
    pub keep_best: bool,
    pub max_binding: usize,
}

/// Values between two layers, as one routine sees them.
#[derive(Clone, Copy)]
struct Value {
    span: Span,
    /// The activation whose values these are: the gradient goes through its derivative.
    activation: kernels::Activation,
}

/// Records `request.model`.
///
/// # Errors
/// [`Error::Device`] when one layer's weights are larger than a binding of the device.
pub(super) fn record(request: &Request<'_>) -> Result<Recording> {
    let mut recorder = Recorder::new(request)?;
    for spec in request.feeds {
        recorder.add_feed(*spec)?;
    }
    Ok(recorder.recording)
}

struct Recorder<'a> {
    request: &'a Request<'a>,
    shapes: Vec<Shape>,
    recording: Recording,
    /// The batch buffers: inputs, targets.
    batch_inputs: Span,
    batch_targets: Span,
    /// Values that each layer gives, by layer; none for layers that pass theirs on.
    outputs: Vec<Option<Span>>,
    /// Gradients with respect to what each layer gives, by layer.
    gradients: Vec<Option<Span>>,
    sort: Option<SortBuffers>,
    /// Stands for targets where there are none.
    nothing: Span,
}

/// Buffers of the sort in front of a large embedding's gradient.
#[derive(Clone, Copy)]
struct SortBuffers {
    keys: [Span; 2],
    values: [Span; 2],
    counts: Span,
    heads: Span,
    tails: Span,
}

impl<'a> Recorder<'a> {
    fn new(request: &'a Request<'a>) -> Result<Self> {
        let model = request.model;
        let shapes = model.layer_shapes();
        let mut program = Program::default();
        let trains = request.feeds.iter().any(|feed| feed.purpose == Purpose::Training);
        let batch = request.feeds.iter().map(|feed| feed.batch).max().unwrap_or(1);
        let outputs = model.outputs();

        let state = program.buffer("state", Element::U32, state::WORDS);
        let schedule = program.buffer("schedule", Element::F32, MAX_SLOTS);
        let groups = |feed: &FeedSpec| groups(model.loss(), feed.batch, outputs);
        let widest = request.feeds.iter().map(groups).max().unwrap_or(1);
        let history = program.buffer("history", Element::F32, MAX_SLOTS * widest * 2);
        let nothing = program.buffer("nothing", Element::F32, 1);

        let (segments, blocks) = place_parameters(&mut program, request, &shapes, trains)?;

        let batch_inputs =
            program.buffer("batch inputs", element(model.input()), batch * model.input().width());
        let target_width = request.feeds.iter().filter_map(|feed| feed.target_width).max();
        let batch_targets =
            program.buffer("batch targets", Element::F32, batch * target_width.unwrap_or(0));

        let names = model.layer_names();
        let has_parameters_before =
            |i: usize| blocks[..i].iter().any(|block: &Option<Block>| block.is_some());
        let mut layer_outputs = Vec::new();
        let mut gradients = Vec::new();
        for (i, layer) in model.layers().iter().enumerate() {
            let len = batch * shapes[i + 1].width();
            let makes = match layer {
                Layer::Flatten {} => false,
                Layer::Dropout { rate } => trains && *rate > 0.0,
                _ => true,
            };
            let name = &names[i];
            let output = || format!("{name} output");
            layer_outputs.push(makes.then(|| program.buffer(output(), Element::F32, len)));
            let needs_gradient =
                trains && makes && has_parameters_before(i + 1) || i + 1 == model.layers().len();
            let gradient = || format!("{name} gradient");
            gradients.push(needs_gradient.then(|| program.buffer(gradient(), Element::F32, len)));
        }

        let sort = match (trains, model.layers().first()) {
            (true, Some(Layer::Embedding { rows, units }))
                if !embedding_gradient::is_direct(batch * shapes[0].width(), *rows, *units) =>
            {
                let positions = batch * shapes[0].width();
                let tiles = positions.div_ceil(embedding_gradient_runs::TILE);
                let mut words = |name: &str, len| program.buffer(name, Element::U32, len);
                let keys = [words("sorted ids a", positions), words("sorted ids b", positions)];
                let values = [
                    words("sorted positions a", positions),
                    words("sorted positions b", positions),
                ];
                let counts = words("digit counts", 256 * radix_count::runs(positions));
                let heads = program.buffer("run heads", Element::F32, tiles * units);
                let tails = program.buffer("run tails", Element::F32, tiles * units);
                Some(SortBuffers { keys, values, counts, heads, tails })
            }
            _ => None,
        };

        let recording = Recording {
            program,
            state,
            schedule,
            history,
            segments,
            blocks,
            feeds: Vec::new(),
            store: None,
        };
        Ok(Recorder {
            request,
            shapes,
            recording,
            batch_inputs,
            batch_targets,
            outputs: layer_outputs,
            gradients,
            sort,
            nothing,
        })
    }

    /// Adds a data set's buffers and its one or two routines.
    fn add_feed(&mut self, spec: FeedSpec) -> Result<()> {
        let model = self.request.model;
        let (width, outputs) = (model.input().width(), model.outputs());
        let widest = width.max(spec.target_width.unwrap_or(0)).max(match spec.purpose {
            Purpose::Prediction => outputs,
            _ => 1,
        });
        // What does not fit in one binding is streamed, in whole batches.
        let resident = match self.request.max_binding / widest {
            fit if fit >= spec.rows => spec.rows,
            fit => (fit / spec.batch).max(1) * spec.batch,
        };
        let program = &mut self.recording.program;
        let purpose = match spec.purpose {
            Purpose::Training => "training",
            Purpose::Evaluation => "evaluation",
            Purpose::Prediction => "prediction",
        };
        let element = element(model.input());
        let inputs = program.buffer(format!("{purpose} inputs"), element, resident * width);
        let targets = spec
            .target_width
            .map(|w| program.buffer(format!("{purpose} targets"), Element::F32, resident * w));
        let order_rows = resident.max(ORDER_ROWS.min(self.request.max_binding));
        let order = program.buffer(format!("{purpose} order"), Element::U32, order_rows);
        if spec.purpose == Purpose::Prediction {
            self.recording.store = Some(program.buffer("store", Element::F32, resident * outputs));
        }
        let mut feed = Feed {
            inputs,
            targets,
            order,
            resident,
            rows: spec.rows,
            batch: spec.batch,
            full: None,
            tail: None,
            groups: groups(model.loss(), spec.batch, outputs),
        };
        if spec.rows >= spec.batch {
            let step = self.step(&feed, spec, spec.batch);
            feed.full = Some(self.recording.program.add_routine(purpose, step)?);
        }
        if !spec.rows.is_multiple_of(spec.batch) {
            let step = self.step(&feed, spec, spec.rows % spec.batch);
            feed.tail = Some(self.recording.program.add_routine(format!("{purpose} tail"), step)?);
        }
        self.recording.feeds.push(feed);
        Ok(())
    }

    /// One step over `rows` rows.
    fn step(&self, feed: &Feed, spec: FeedSpec, rows: usize) -> Vec<Dispatch> {
        let trains = spec.purpose == Purpose::Training;
        let mut step = vec![self.gather(feed, spec, rows)];
        let values = self.forward(rows, spec.purpose, &mut step);
        let outputs = values[values.len() - 1].span;
        if spec.purpose == Purpose::Prediction {
            self.store(outputs, rows, &mut step);
            return step;
        }
        let d_logits = self.loss(feed, spec, rows, outputs, &mut step);
        if trains {
            self.backward(rows, &values, d_logits, &mut step);
            self.update(&mut step);
        }
        step
    }

    fn gather(&self, feed: &Feed, spec: FeedSpec, rows: usize) -> Dispatch {
        let input_width = self.request.model.input().width() as u32;
        let target_width = spec.target_width.unwrap_or(0) as u32;
        let (state, order, inputs) = (self.recording.state, feed.order, feed.inputs);
        let targets = feed.targets.unwrap_or(self.nothing);
        let (batch_inputs, batch_targets) = (self.batch_inputs, self.batch_targets);
        let rows = rows as u32;
        match self.request.model.input() {
            Input::Ids { .. } => gather_batch::ids::dispatch(
                gather_batch::ids::Params { rows, input_width, target_width },
                gather_batch::ids::Bindings {
                    state,
                    order,
                    inputs,
                    targets,
                    batch_inputs,
                    batch_targets,
                },
            ),
            Input::Matrix { .. } => gather_batch::matrix::dispatch(
                gather_batch::matrix::Params { rows, input_width, target_width },
                gather_batch::matrix::Bindings {
                    state,
                    order,
                    inputs,
                    targets,
                    batch_inputs,
                    batch_targets,
                },
            ),
        }
    }

    /// Records every layer; returns what each reads and, last, what the model gives: logits
    /// where a loss follows, outputs where a prediction is stored.
    fn forward(&self, rows: usize, purpose: Purpose, step: &mut Vec<Dispatch>) -> Vec<Value> {
        let model = self.request.model;
        let linear = kernels::Activation::Linear;
        let mut values = vec![Value { span: self.batch_inputs, activation: linear }];
        for (i, layer) in model.layers().iter().enumerate() {
            let input = values[i];
            let (reads, gives) = (self.shapes[i].width(), self.shapes[i + 1].width());
            let given = self.outputs[i].map(|span| span.part(0, rows * gives));
            let value = match (*layer, given) {
                (Layer::Embedding { units, .. }, Some(output)) => {
                    let params = embedding_gather::Params {
                        positions: (rows * reads) as u32,
                        units: units as u32,
                    };
                    let (ids, table) = (input.span, self.weights(i));
                    let bindings = embedding_gather::Bindings { ids, table, output };
                    step.push(embedding_gather::dispatch(params, bindings));
                    Value { span: output, activation: linear }
                }
                (Layer::MeanPool {}, Some(output)) => {
                    let params = mean_pool::Params {
                        rows: rows as u32,
                        length: self.shapes[0].width() as u32,
                        units: gives as u32,
                    };
                    let (ids, input) = (self.batch_inputs, input.span);
                    let bindings = mean_pool::Bindings { ids, input, output };
                    step.push(mean_pool::dispatch(params, bindings));
                    Value { span: output, activation: linear }
                }
                (Layer::Dense { units, activation }, Some(output)) => {
                    let is_logits = i + 1 == model.layers().len() && purpose != Purpose::Prediction;
                    let elementwise = activation.elementwise().filter(|_| !is_logits);
                    let fused = elementwise.unwrap_or(linear);
                    let params = dense_forward::Params {
                        rows: rows as u32,
                        inputs: reads as u32,
                        units: units as u32,
                        activation: fused.code(),
                    };
                    let (input, weights) = (input.span, self.weights(i));
                    let bindings = dense_forward::Bindings { input, weights, output };
                    step.push(dense_forward::dispatch(params, bindings));
                    Value { span: output, activation: fused }
                }
                (Layer::Dropout { rate }, Some(output)) if purpose == Purpose::Training => {
                    let count = (rows * gives) as u32;
                    let params = self.dropout_params(i, rate, count);
                    let (state, input) = (self.recording.state, input.span);
                    let bindings = dropout::Bindings { state, input, output };
                    step.push(dropout::dispatch(params, bindings));
                    Value { span: output, activation: linear }
                }
                // Flatten, and dropout outside of training, pass on what they read.
                _ => input,
            };
            values.push(value);
        }
        values
    }

    fn dropout_params(&self, layer: usize, rate: f64, count: u32) -> dropout::Params {
        dropout::Params {
            count,
            threshold: random::drop_threshold(rate),
            scale: (1.0 / (1.0 - rate)) as f32,
            seed: (self.request.seed ^ (self.request.seed >> 32)) as u32,
            stream: layer as u32,
        }
    }

    /// Records the loss; returns the gradient with respect to the logits.
    fn loss(
        &self,
        feed: &Feed,
        spec: FeedSpec,
        rows: usize,
        logits: Span,
        step: &mut Vec<Dispatch>,
    ) -> Span {
        let model = self.request.model;
        let last = model.layers().len() - 1;
        let outputs = model.outputs();
        let d_logits = self.gradients[last].unwrap_or(self.nothing).part(0, rows * outputs);
        let (state, history) = (self.recording.state, self.recording.history);
        let targets = match spec.target_width {
            Some(_) => self.batch_targets,
            None => self.batch_inputs,
        };
        let (rows, groups) = (rows as u32, feed.groups as u32);
        step.push(match model.loss() {
            Loss::BinaryCrossentropy => binary_crossentropy::dispatch(
                binary_crossentropy::Params { rows, outputs: outputs as u32, groups },
                binary_crossentropy::Bindings { state, logits, targets, d_logits, history },
            ),
            Loss::CategoricalCrossentropy => categorical_crossentropy::dispatch(
                categorical_crossentropy::Params {
                    rows,
                    outputs: outputs as u32,
                    groups,
                    sparse: (spec.target_width == Some(1)) as u32,
                },
                categorical_crossentropy::Bindings { state, logits, targets, d_logits, history },
            ),
            Loss::Mse => {
                let activation = model.output_activation().elementwise().unwrap_or_default().code();
                mse::dispatch(
                    mse::Params { rows, outputs: outputs as u32, groups, activation },
                    mse::Bindings { state, logits, targets, d_logits, history },
                )
            }
        });
        d_logits
    }

    /// Records the layers backward, from the last to the first that has parameters.
    fn backward(&self, rows: usize, values: &[Value], d_logits: Span, step: &mut Vec<Dispatch>) {
        let model = self.request.model;
        let first = self.recording.blocks.iter().position(Option::is_some).unwrap_or(0);
        let mut d_output = d_logits;
        for (i, layer) in model.layers().iter().enumerate().skip(first).rev() {
            let input = values[i];
            let (reads, gives) = (self.shapes[i].width(), self.shapes[i + 1].width());
            // The gradient of what this layer reads lies with the layer that made it: flatten,
            // which makes nothing, passes its own on.
            let d_input = (0..i)
                .rev()
                .find_map(|j| self.gradients[j].filter(|_| j >= first))
                .map(|span| span.part(0, rows * reads));
            match (*layer, d_input) {
                (Layer::Embedding { rows: table_rows, units }, _) => {
                    self.embedding_gradient(i, rows * reads, table_rows, units, d_output, step);
                }
                (Layer::Dense { units, .. }, _) => {
                    let (rows, inputs, units) = (rows as u32, reads as u32, units as u32);
                    let params = dense_gradient_weights::Params { rows, inputs, units };
                    let gradient = self.weight_gradient(i);
                    let bindings =
                        dense_gradient_weights::Bindings { input: input.span, d_output, gradient };
                    step.push(dense_gradient_weights::dispatch(params, bindings));
                    if let Some(d_input) = d_input {
                        let activation = input.activation.code();
                        let params =
                            dense_gradient_input::Params { rows, inputs, units, activation };
                        let (input, weights) = (input.span, self.weights(i));
                        let bindings =
                            dense_gradient_input::Bindings { input, weights, d_output, d_input };
                        step.push(dense_gradient_input::dispatch(params, bindings));
                        d_output = d_input;
                    }
                }
                (Layer::MeanPool {}, Some(d_input)) => {
                    let length = self.shapes[0].width() as u32;
                    let (rows, units) = (rows as u32, gives as u32);
                    let params = mean_pool_gradient::Params { rows, length, units };
                    let ids = self.batch_inputs;
                    let bindings = mean_pool_gradient::Bindings { ids, d_output, d_input };
                    step.push(mean_pool_gradient::dispatch(params, bindings));
                    d_output = d_input;
                }
                (Layer::Dropout { rate }, Some(d_input)) if self.outputs[i].is_some() => {
                    let p = self.dropout_params(i, rate, (rows * gives) as u32);
                    let params = dropout_gradient::Params {
                        count: p.count,
                        threshold: p.threshold,
                        scale: p.scale,
                        seed: p.seed,
                        stream: p.stream,
                        activation: input.activation.code(),
                    };
                    let (state, input) = (self.recording.state, input.span);
                    let bindings = dropout_gradient::Bindings { state, input, d_output, d_input };
                    step.push(dropout_gradient::dispatch(params, bindings));
                    d_output = d_input;
                }
                // Flatten passes the gradient on, as it passed the values.
                _ => {}
            }
        }
    }

    /// Records the gradient of an embedding: directly when small, else by sorting the ids.
    fn embedding_gradient(
        &self,
        layer: usize,
        positions: usize,
        rows: usize,
        units: usize,
        d_output: Span,
        step: &mut Vec<Dispatch>,
    ) {
        let (ids, gradient) = (self.batch_inputs, self.weight_gradient(layer));
        let (count, width) = (positions as u32, units as u32);
        let Some(sort) = self.sort else {
            let params =
                embedding_gradient::Params { positions: count, units: width, rows: rows as u32 };
            let bindings = embedding_gradient::Bindings { ids, d_output, gradient };
            step.push(embedding_gradient::dispatch(params, bindings));
            return;
        };
        let bits = usize::BITS - (rows - 1).leading_zeros();
        let counts = sort.counts;
        // The pairs go from a to b and back; the first pass reads the batch itself.
        let (mut keys, mut values) = (ids, sort.values[1]);
        for pass in 0..bits.div_ceil(8).max(1) {
            let shift = 8 * pass;
            let to = (pass % 2) as usize;
            let first = (pass == 0) as u32;
            step.push(radix_count::dispatch(
                radix_count::Params { count, shift },
                radix_count::Bindings { keys, counts },
            ));
            step.push(radix_scan::dispatch(
                radix_scan::Params { count },
                radix_scan::Bindings { counts },
            ));
            let (sorted_keys, sorted_values) = (sort.keys[to], sort.values[to]);
            step.push(radix_scatter::dispatch(
                radix_scatter::Params { count, shift, first },
                radix_scatter::Bindings { keys, values, counts, sorted_keys, sorted_values },
            ));
            (keys, values) = (sorted_keys, sorted_values);
        }
        let params = fill::Params { count: gradient.len as u32, value: 0.0 };
        step.push(fill::dispatch(params, fill::Bindings { values: gradient }));
        let (heads, tails) = (sort.heads, sort.tails);
        step.push(embedding_gradient_runs::dispatch(
            embedding_gradient_runs::Params { positions: count, units: width },
            embedding_gradient_runs::Bindings {
                sorted_ids: keys,
                sorted_positions: values,
                d_output,
                gradient,
                heads,
                tails,
            },
        ));
        step.push(embedding_gradient_carry::dispatch(
            embedding_gradient_carry::Params { positions: count, units: width },
            embedding_gradient_carry::Bindings { sorted_ids: keys, heads, tails, gradient },
        ));
    }

    /// Records one optimizer dispatch a segment.
    fn update(&self, step: &mut Vec<Dispatch>) {
        let (state, schedule) = (self.recording.state, self.recording.schedule);
        for segment in &self.recording.segments {
            let (weights, count) = (segment.weights, segment.weights.len as u32);
            let gradients = segment.gradients.unwrap_or(self.nothing);
            match (self.request.optimizer, &segment.moments[..]) {
                (Some(Optimizer::Adam { beta_1, beta_2, epsilon, .. }), &[first, second]) => {
                    let params = adam::Params {
                        count,
                        beta_1: beta_1 as f32,
                        beta_2: beta_2 as f32,
                        complement_1: (1.0 - beta_1) as f32,
                        complement_2: (1.0 - beta_2) as f32,
                        epsilon: epsilon as f32,
                    };
                    step.push(adam::dispatch(
                        params,
                        adam::Bindings {
                            state,
                            schedule,
                            gradients,
                            weights,
                            first_moments: first,
                            second_moments: second,
                        },
                    ));
                }
                (Some(Optimizer::Sgd { momentum, .. }), &[velocities]) => {
                    let params = sgd::Params { count, momentum: momentum as f32 };
                    let bindings =
                        sgd::Bindings { state, schedule, gradients, weights, velocities };
                    step.push(sgd::dispatch(params, bindings));
                }
                _ => {}
            }
        }
    }

    /// Records what a prediction keeps.
    fn store(&self, logits: Span, rows: usize, step: &mut Vec<Dispatch>) {
        let model = self.request.model;
        let outputs = model.outputs() as u32;
        let mut answers = logits;
        if model.output_activation() == Activation::Softmax {
            let last = model.layers().len() - 1;
            let output = self.gradients[last].unwrap_or(self.nothing).part(0, logits.len);
            let params = softmax::Params { rows: rows as u32, outputs };
            step.push(softmax::dispatch(params, softmax::Bindings { logits, output }));
            answers = output;
        }
        let params = store_rows::Params { rows: rows as u32, width: outputs };
        let (state, store) = (self.recording.state, self.recording.store.unwrap_or(self.nothing));
        let bindings = store_rows::Bindings { state, outputs: answers, store };
        step.push(store_rows::dispatch(params, bindings));
    }

    fn weights(&self, layer: usize) -> Span {
        self.recording.blocks[layer].map_or(self.nothing, |block| {
            self.recording.segments[block.segment].weights.part(block.offset, block.len)
        })
    }

    fn weight_gradient(&self, layer: usize) -> Span {
        let block = self.recording.blocks[layer];
        let span = block.and_then(|b| {
            let gradients = self.recording.segments[b.segment].gradients?;
            Some(gradients.part(b.offset, b.len))
        });
        span.unwrap_or(self.nothing)
    }
}

/// Type of a model's inputs on a device.
fn element(input: Input) -> Element {
    match input {
        Input::Ids { .. } => Element::U32,
        Input::Matrix { .. } => Element::F32,
    }
}

/// Groups of a loss's history slot.
fn groups(loss: Loss, rows: usize, outputs: usize) -> usize {
    match loss {
        Loss::CategoricalCrossentropy => categorical_crossentropy::groups(rows),
        Loss::BinaryCrossentropy | Loss::Mse => binary_crossentropy::groups(rows * outputs),
    }
}

/// Packs every layer's parameters into segments, none larger than a binding.
fn place_parameters(
    program: &mut Program,
    request: &Request<'_>,
    shapes: &[Shape],
    trains: bool,
) -> Result<(Vec<Segment>, Vec<Option<Block>>)> {
    let mut lengths: Vec<usize> = Vec::new();
    let mut blocks = Vec::new();
    for (i, layer) in request.model.layers().iter().enumerate() {
        let len = match *layer {
            Layer::Embedding { rows, units } => rows * units,
            Layer::Dense { units, .. } => (shapes[i].width() + 1) * units,
            Layer::Flatten {} | Layer::MeanPool {} | Layer::Dropout { .. } => {
                blocks.push(None);
                continue;
            }
        };
        let padded = len.next_multiple_of(ALIGNMENT);
        if padded > request.max_binding {
            return Err(Error::Device(format!(
                "layer {} ({}) has {len} weights, {} MB, and one binding of this device holds {} MB; make the layer smaller, or use `--device cpu`",
                i + 1,
                layer.kind(),
                len * 4 / 1_000_000,
                request.max_binding * 4 / 1_000_000
            )));
        }
        // Into the last segment while there is room, else into a new one.
        let offset = lengths.last().copied().filter(|last| last + padded <= request.max_binding);
        if offset.is_none() {
            lengths.push(0);
        }
        let segment = lengths.len() - 1;
        blocks.push(Some(Block { segment, offset: offset.unwrap_or(0), len }));
        lengths[segment] += padded;
    }
    let moments = request.optimizer.map_or(0, |optimizer| optimizer.moments());
    let mut segments = Vec::new();
    for (i, len) in lengths.into_iter().enumerate() {
        let mut reals = |name: String| program.buffer(name, Element::F32, len);
        segments.push(Segment {
            weights: reals(format!("weights {i}")),
            gradients: trains.then(|| reals(format!("gradients {i}"))),
            moments: match trains {
                true => (0..moments).map(|m| reals(format!("moment {m}, {i}"))).collect(),
                false => Vec::new(),
            },
            best: request.keep_best.then(|| reals(format!("best weights {i}"))),
        });
    }
    Ok((segments, blocks))
}
