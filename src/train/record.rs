//! Records a model as a program: one step of training, of evaluation, of prediction.
//!
//! A step reads a batch from a [`Feed`], runs the layers forward, computes loss and gradient,
//! runs the layers backward, and updates the weights. What a layer computes is said here, once
//! forward and once backward; its shapes and parameters are in `model/layer.rs`.

use crate::error::{Error, Result};
use crate::kernels::{self, *};
use crate::model::{Activation, BagMode, Input, Layer, Loss, Model, Shape};
use crate::program::{ALIGNMENT, Program, RoutineId};

use super::sort::Sort;
use super::{Optimizer, Role};

/// Steps whose losses the history buffer holds.
pub(super) const MAX_SLOTS: usize = 1024;

/// Rows that an order buffer holds beyond one epoch's, so that short epochs share a submission.
const ORDER_ROWS: usize = 1 << 18;

/// Weights from which on gradients share one buffer, as large as the largest piece, and each piece
/// is updated as soon as it has its gradient: weights and two moments then take 3 times the
/// weights' memory, not 4. Smaller models are updated by one dispatch a segment.
const SHARED_FROM: usize = 1 << 25;

/// Parameters that share one buffer of weights, one of gradients and one of each moment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub weights: Span,
    /// None in frozen segments, in those of a lazy table, and where gradients share one buffer.
    pub gradients: Option<Span>,
    pub moments: Vec<Span>,
    pub best: Option<Span>,
}

/// Some rows of a layer's parameters: a range of a segment's buffers. A layer is one piece unless
/// it exceeds a binding. A dense layer's bias is the row behind its kernel's last; a bag's is a
/// piece without other rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub segment: usize,
    pub offset: usize,
    pub len: usize,
    /// First row of the kernel.
    pub first: usize,
    /// Rows of the kernel.
    pub rows: usize,
    /// Whether the bias follows them.
    pub bias: bool,
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
    /// In place of both, up to `Recording::steps_at_once` steps over whatever rows come next.
    pub whole: Option<RoutineId>,
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
    /// The pieces of each layer's parameters, by layer; none for layers without.
    pub pieces: Vec<Vec<Piece>>,
    /// Layers that stay as they are.
    pub frozen: usize,
    /// The buffer that gradients share, where they do.
    pub shared_gradients: Option<Span>,
    /// What stands in `state` from TABLE_ROWS on, where a small model's steps share a dispatch.
    pub small: Option<Vec<u32>>,
    /// Steps of a small model that one dispatch does at most.
    pub steps_at_once: usize,
    /// The first layer's table, where only the rows that a batch names are updated.
    pub lazy: Option<Lazy>,
    pub feeds: Vec<Feed>,
    /// Outputs of a prediction, `[resident rows, outputs]`.
    pub store: Option<Span>,
}

/// A table whose rows are brought up to date when they come up, and all of them before anybody reads
/// the weights: see `kernels/embedding_replay.rs`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lazy {
    /// `[RATES]`: the rate of step t at t % RATES.
    pub rates: Span,
    /// `[table rows]`: the step through which each row is up to date.
    pub steps: Span,
    /// `[positions, units]`: gradients of the batch's ids.
    sums: Span,
    /// Brings every row up to the last step done.
    pub flush: RoutineId,
}

impl Recording {
    /// Where the parameters of a role lie, piece by piece; frozen layers have weights only.
    ///
    /// # Errors
    /// [`Error::Usage`] when this recording has no such arrays.
    pub fn spans(&self, role: Role) -> Result<Vec<Span>> {
        let span = |piece: &Piece| {
            let segment = &self.segments[piece.segment];
            let whole = match role {
                Role::Weights => Some(segment.weights),
                Role::BestWeights => segment.best,
                Role::Gradients => segment.gradients,
                Role::FirstMoments => segment.moments.first().copied(),
                Role::SecondMoments => segment.moments.get(1).copied(),
            };
            whole
                .map(|whole| whole.part(piece.offset, piece.len))
                .ok_or_else(|| Error::usage(format!("this session keeps no {role:?}")))
        };
        let skipped = if role == Role::Weights { 0 } else { self.frozen };
        self.pieces.iter().skip(skipped).flatten().map(span).collect()
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
    /// Layers that stay as they are.
    pub frozen: usize,
    /// Whether a small model's steps share a dispatch.
    pub small: bool,
    /// Whether a large table's rows are updated only where a batch names them, if that is exact.
    pub lazy: bool,
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
/// [`Error::Device`] when one row of a layer's weights is larger than a binding of the device.
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
    /// The inputs with noise, where the model has any.
    noisy_inputs: Option<Span>,
    /// What each bag's sum was multiplied by, by row.
    bag_scales: Span,
    /// Values that each layer gives, by layer; none for layers that pass theirs on.
    outputs: Vec<Option<Span>>,
    /// Gradients with respect to what each layer gives, by layer.
    gradients: Vec<Option<Span>>,
    sort: Option<SortBuffers>,
    /// Gradients of a layer's weights that are computed in parts.
    gradient_parts: Span,
    /// Stands for targets where there are none.
    nothing: Span,
    small: Option<Small>,
}

/// Buffers of a large embedding's gradient.
#[derive(Clone, Copy)]
struct SortBuffers {
    sort: Sort,
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

        let small = if trains { small_layers(request, &shapes) } else { None };
        let words =
            small.as_ref().map_or(0, |small| 1 + small.layers.len() * small_steps::LAYER_WORDS);
        let state = program.buffer("state", Element::U32, state::WORDS + words);
        let schedule = program.buffer("schedule", Element::F32, MAX_SLOTS);
        let groups = |feed: &FeedSpec| groups(model.loss(), feed.batch, outputs);
        let widest = request.feeds.iter().map(groups).max().unwrap_or(1);
        let history = program.buffer("history", Element::F32, MAX_SLOTS * widest * 2);
        // As large as the widest item that a kernel may declare.
        let nothing = program.buffer("nothing", Element::F32, 8);

        let lazy = trains && small.is_none() && can_be_lazy(request, batch);
        let Placed { segments, pieces, shared_gradients } =
            place_parameters(&mut program, request, &shapes, trains, lazy, small.is_some())?;

        let batch_inputs =
            program.buffer("batch inputs", element(model.input()), batch * model.input().width());
        let target_width = |feed: &FeedSpec| match (feed.target_width, model.input()) {
            (Some(width), _) => width,
            (None, Input::Ids { .. }) if feed.purpose != Purpose::Prediction => outputs,
            (None, _) => 0,
        };
        let target_width = request.feeds.iter().map(target_width).max().unwrap_or(0);
        let batch_targets = program.buffer("batch targets", Element::F32, batch * target_width);
        let has_noise = model.noise.is_some()
            && request.feeds.iter().any(|feed| feed.purpose != Purpose::Prediction);
        let noisy_inputs = has_noise
            .then(|| program.buffer("noisy inputs", Element::F32, batch * model.input().width()));
        let has_bag = (0..model.layers().len()).any(|i| bag_at(model, i).is_some());
        let bag_scales =
            program.buffer("bag scales", Element::F32, if has_bag { batch } else { 1 });

        let names = model.layer_names();
        let learns_up_to =
            |i: usize| pieces[..=i].iter().skip(request.frozen).any(|pieces| !pieces.is_empty());
        let mut layer_outputs = Vec::new();
        let mut gradients = Vec::new();
        for (i, layer) in model.layers().iter().enumerate() {
            let len = batch * shapes[i + 1].width();
            let makes = match layer {
                Layer::Flatten {} => false,
                // Part of the bag that it makes with the pool behind it.
                Layer::Embedding { .. } => bag_at(model, i + 1).is_none(),
                Layer::Dropout { rate } => trains && *rate > 0.0,
                _ => true,
            };
            let name = &names[i];
            let output = || format!("{name} output");
            layer_outputs.push(makes.then(|| program.buffer(output(), Element::F32, len)));
            let needs_gradient =
                trains && makes && learns_up_to(i) || i + 1 == model.layers().len();
            let gradient = || format!("{name} gradient");
            gradients.push(needs_gradient.then(|| program.buffer(gradient(), Element::F32, len)));
        }

        let sort = match (trains, model.layers().first()) {
            (
                true,
                Some(Layer::Embedding { rows, units } | Layer::EmbeddingBag { rows, units, .. }),
            ) if lazy
                || pieces[0].iter().filter(|piece| piece.rows > 0).count() > 1
                || !embedding_gradient::is_direct(batch * shapes[0].width(), *rows, *units) =>
            {
                let positions = batch * shapes[0].width();
                let tiles = positions.div_ceil(embedding_gradient_runs::TILE);
                let sort = Sort::new(&mut program, positions);
                let heads = program.buffer("run heads", Element::F32, tiles * units);
                let tails = program.buffer("run tails", Element::F32, tiles * units);
                Some(SortBuffers { sort, heads, tails })
            }
            _ => None,
        };

        // The most that a layer's gradient takes where it is computed in parts.
        let parts_len = |(i, pieces): (usize, &Vec<Piece>)| {
            let (units, has_rows) = match &model.layers()[i] {
                Layer::Dense { units, .. } if trains => (units, true),
                // Of a bag only the bias has a gradient of this kind.
                Layer::EmbeddingBag { units, .. } if trains => (units, false),
                _ => return 0,
            };
            let pieces = pieces.iter().filter(|piece| has_rows || piece.rows == 0);
            let lens = pieces.map(|piece| {
                let params = gradient_params(batch, shapes[i].width(), *units, piece);
                match params.most_parts() {
                    1 => 0,
                    parts => parts as usize * params.part_len(),
                }
            });
            lens.max().unwrap_or(0)
        };
        let parts_len = pieces.iter().enumerate().map(parts_len).max().unwrap_or(0);
        let gradient_parts = program.buffer("gradient parts", Element::F32, parts_len);

        let lazy = match (lazy, sort, model.layers().first()) {
            (
                true,
                Some(SortBuffers { sort, .. }),
                Some(&(Layer::Embedding { rows, units } | Layer::EmbeddingBag { rows, units, .. })),
            ) => {
                let rates = program.buffer("rates", Element::F32, embedding_replay::RATES);
                let steps = program.buffer("row steps", Element::U32, rows);
                let sums = batch * shapes[0].width() * units;
                let sums = program.buffer("run sums", Element::F32, sums);
                let mut flush = Vec::new();
                for piece in pieces[0].iter().filter(|piece| piece.rows > 0) {
                    let table = (&segments[piece.segment], piece);
                    let ids = sort.sorted(rows)[0];
                    let spans = [state, rates, ids, steps];
                    flush.extend(replay(request, table, piece.rows, units, spans, true));
                }
                let params = embedding_stamp::Params { count: rows as u32, all: 1 };
                let ids = sort.sorted(rows)[0];
                let bindings = embedding_stamp::Bindings { state, ids, steps };
                flush.push(embedding_stamp::dispatch(params, bindings));
                let flush = program.add_routine("flush", flush)?;
                Some(Lazy { rates, steps, sums, flush })
            }
            _ => None,
        };
        let small_words = small.as_ref().map(|small| {
            let table_rows = model.embedding_rows().unwrap_or(0) as u32;
            let words = small.layers.iter().flat_map(|layer| layer.words());
            std::iter::once(table_rows).chain(words).collect()
        });
        let recording = Recording {
            small: small_words,
            steps_at_once: small.as_ref().map_or(1, |small| small.steps_at_once),
            lazy,
            program,
            state,
            schedule,
            history,
            segments,
            pieces,
            frozen: request.frozen,
            shared_gradients,
            feeds: Vec::new(),
            store: None,
        };
        Ok(Recorder {
            request,
            shapes,
            recording,
            batch_inputs,
            batch_targets,
            noisy_inputs,
            bag_scales,
            outputs: layer_outputs,
            gradients,
            sort,
            gradient_parts,
            nothing,
            small,
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
            whole: None,
            groups: groups(model.loss(), spec.batch, outputs),
        };
        let small = self.small.take_if(|_| spec.purpose == Purpose::Training);
        if let Some(small) = small {
            let steps = vec![self.small_steps(&feed, spec, &small)];
            feed.whole = Some(self.recording.program.add_routine("small steps", steps)?);
            self.recording.feeds.push(feed);
            return Ok(());
        }
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

    /// Many steps of a small model.
    fn small_steps(&self, feed: &Feed, spec: FeedSpec, small: &Small) -> Dispatch {
        let model = self.request.model;
        let recording = &self.recording;
        let (sgd, hyper) = match self.request.optimizer {
            Some(Optimizer::Sgd { momentum, .. }) => (1, [momentum, 0.0, 0.0]),
            Some(Optimizer::Adam { beta_1, beta_2, epsilon, .. }) => (0, [beta_1, beta_2, epsilon]),
            None => (0, [0.0; 3]),
        };
        let weights = recording.segments[0].weights;
        let (state, order, inputs) = (recording.state, feed.order, feed.inputs);
        let targets = feed.targets.unwrap_or(self.nothing);
        let (schedule, history) = (recording.schedule, recording.history);
        let arena = Span { len: 4 * weights.len, ..weights };
        macro_rules! dispatch {
            ($kernel:ident) => {
                small_steps::$kernel::dispatch(
                    small_steps::$kernel::Params {
                        batch: spec.batch as u32,
                        input_width: model.input().width() as u32,
                        target_width: spec.target_width.unwrap_or(0) as u32,
                        layers: small.layers.len() as u32,
                        weights: weights.len as u32,
                        values: small.values as u32,
                        loss: small.loss as u32,
                        sgd,
                        beta_1: hyper[0] as f32,
                        beta_2: hyper[1] as f32,
                        complement_1: (1.0 - hyper[0]) as f32,
                        complement_2: (1.0 - hyper[1]) as f32,
                        epsilon: hyper[2] as f32,
                        steps: small.steps_at_once as u32,
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
        match model.input() {
            Input::Ids { .. } => dispatch!(ids),
            Input::Matrix { .. } => dispatch!(matrix),
        }
    }

    /// One step over `rows` rows.
    fn step(&self, feed: &Feed, spec: FeedSpec, rows: usize) -> Vec<Dispatch> {
        let trains = spec.purpose == Purpose::Training;
        let mut step = vec![self.gather(feed, spec, rows)];
        if let (true, Some(lazy)) = (trains, self.recording.lazy) {
            self.replay(lazy, rows, &mut step);
        }
        let inputs = self.add_noise(feed, spec, rows, &mut step);
        let values = self.forward(rows, spec.purpose, inputs, &mut step);
        let outputs = values[values.len() - 1].span;
        if spec.purpose == Purpose::Prediction {
            self.store(outputs, rows, &mut step);
            return step;
        }
        let d_logits = self.loss(feed, spec, rows, outputs, &mut step);
        if trains {
            self.backward(rows, &values, d_logits, &mut step);
            if self.recording.shared_gradients.is_none() {
                for segment in &self.recording.segments {
                    if let Some(gradients) = segment.gradients {
                        self.update(segment, 0, gradients, &mut step);
                    }
                }
            }
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
    fn forward(
        &self,
        rows: usize,
        purpose: Purpose,
        inputs: Span,
        step: &mut Vec<Dispatch>,
    ) -> Vec<Value> {
        let model = self.request.model;
        let linear = kernels::Activation::Linear;
        let mut values = vec![Value { span: inputs, activation: linear }];
        for (i, layer) in model.layers().iter().enumerate() {
            let input = values[i];
            let (reads, gives) = (self.shapes[i].width(), self.shapes[i + 1].width());
            let given = self.outputs[i].map(|span| span.part(0, rows * gives));
            let value = match (*layer, given) {
                (Layer::Embedding { units, .. }, Some(output)) => {
                    for piece in &self.recording.pieces[i] {
                        let params = embedding_gather::Params {
                            positions: (rows * reads) as u32,
                            units: units as u32,
                            first: piece.first as u32,
                            rows: match self.recording.pieces[i].len() {
                                1 => u32::MAX,
                                _ => piece.rows as u32,
                            },
                        };
                        let (ids, table) = (input.span, self.weights(piece));
                        let bindings = embedding_gather::Bindings { ids, table, output };
                        step.push(embedding_gather::dispatch(params, bindings));
                    }
                    Value { span: output, activation: linear }
                }
                (Layer::EmbeddingBag { .. } | Layer::MeanPool {}, Some(output))
                    if bag_at(model, i).is_some() =>
                {
                    // The loss activates the last layer's logits itself.
                    let is_logits = i + 1 == model.layers().len() && purpose != Purpose::Prediction;
                    let elementwise = layer.activation().elementwise().filter(|_| !is_logits);
                    let activation = elementwise.unwrap_or(linear);
                    self.bag(rows, i, activation, output, step);
                    Value { span: output, activation }
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
                    let pieces = &self.recording.pieces[i];
                    for (n, piece) in pieces.iter().enumerate() {
                        let ends = n + 1 == pieces.len();
                        let params = dense_forward::Params {
                            rows: rows as u32,
                            inputs: piece.rows as u32,
                            units: units as u32,
                            activation: if ends { fused.code() } else { linear.code() },
                            stride: reads as u32,
                            first: piece.first as u32,
                            adds: (n > 0) as u32,
                            bias: piece.bias as u32,
                        };
                        let (input, weights) = (input.span, self.weights(piece));
                        let bindings = dense_forward::Bindings { input, weights, output };
                        step.push(dense_forward::dispatch(params, bindings));
                    }
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
            seed: random::fold_seed(self.request.seed),
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
        let targets = match (spec.target_width, model.input()) {
            (Some(_), _) => self.batch_targets,
            (None, Input::Matrix { .. }) => self.batch_inputs,
            (None, Input::Ids { length }) => {
                let targets = self.batch_targets.part(0, rows * outputs);
                let params = fill::Params { count: targets.len as u32, value: 0.0 };
                step.push(fill::dispatch(params, fill::Bindings { values: targets }));
                let params = bag_targets::Params {
                    rows: rows as u32,
                    length: length as u32,
                    outputs: outputs as u32,
                    counts: (model.loss() == Loss::CategoricalCrossentropy) as u32,
                };
                let bindings = bag_targets::Bindings { ids: self.batch_inputs, targets };
                step.push(bag_targets::dispatch(params, bindings));
                targets
            }
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
            // Only word vectors are trained on it, by a program of their own (words.rs); every data
            // set is refused before (session.rs).
            Loss::NegativeSampling | Loss::Mse => {
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
        let learns =
            |(i, pieces): (usize, &Vec<Piece>)| i >= self.request.frozen && !pieces.is_empty();
        let Some(first) = self.recording.pieces.iter().enumerate().position(learns) else {
            return;
        };
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
                (
                    Layer::Embedding { rows: table_rows, units }
                    | Layer::EmbeddingBag { rows: table_rows, units, .. },
                    _,
                ) => {
                    self.embedding_gradient(i, rows * reads, table_rows, units, d_output, step);
                    for piece in self.recording.pieces[i].iter().filter(|piece| piece.bias) {
                        self.dense_gradient(rows, 0, units, piece, input.span, d_output, step);
                    }
                }
                // The embedding before it takes the gradient of the bag that they make together.
                (Layer::MeanPool {}, _) if bag_at(model, i).is_some() => {}
                (Layer::Dense { units, .. }, _) => {
                    let pieces = &self.recording.pieces[i];
                    // The gradient of the input first: it needs the weights before their update.
                    let is_outer = (0..i).any(|table| self.column_behind(table).is_some());
                    let products = if is_outer { &[][..] } else { &pieces[..] };
                    for piece in products.iter().filter(|piece| piece.rows > 0) {
                        let Some(d_input) = d_input else { break };
                        for first_unit in (0..units as u32).step_by(product::MOST_TERMS as usize) {
                            let params = dense_gradient_input::Params {
                                rows: rows as u32,
                                inputs: piece.rows as u32,
                                units: units as u32,
                                activation: input.activation.code(),
                                stride: reads as u32,
                                first: piece.first as u32,
                                first_unit,
                                terms: product::MOST_TERMS.min(units as u32 - first_unit),
                            };
                            let (input, weights) = (input.span, self.weights(piece));
                            let bindings = dense_gradient_input::Bindings {
                                input,
                                weights,
                                d_output,
                                d_input,
                            };
                            step.push(dense_gradient_input::dispatch(params, bindings));
                        }
                    }
                    for piece in pieces {
                        self.dense_gradient(rows, reads, units, piece, input.span, d_output, step);
                    }
                    if !is_outer {
                        d_output = d_input.unwrap_or(d_output);
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

    /// Records the gradient of some rows of a dense layer's weights.
    #[allow(clippy::too_many_arguments)]
    fn dense_gradient(
        &self,
        rows: usize,
        stride: usize,
        units: usize,
        piece: &Piece,
        input: Span,
        d_output: Span,
        step: &mut Vec<Dispatch>,
    ) {
        let params = gradient_params(rows, stride, units, piece);
        let gradient = self.weight_gradient(piece);
        // A bias alone reads no input.
        let input = if piece.rows > 0 { input } else { self.nothing };
        let parts = params.parts();
        let to = match parts {
            1 => gradient,
            parts => self.gradient_parts.part(0, parts as usize * params.part_len()),
        };
        let bindings = dense_gradient_weights::Bindings { input, d_output, gradient: to };
        step.push(dense_gradient_weights::dispatch(params, bindings));
        if parts > 1 {
            let params = sum_parts::Params { count: params.part_len() as u32, parts };
            step.push(sum_parts::dispatch(
                params,
                sum_parts::Bindings { parts: to, sums: gradient },
            ));
        }
        self.update_piece(piece, gradient, step);
    }

    /// Records the bag that layer `layer` ends: a bag's own, or an embedding's with its mean pool.
    fn bag(
        &self,
        rows: usize,
        layer: usize,
        activation: kernels::Activation,
        output: Span,
        step: &mut Vec<Dispatch>,
    ) {
        let model = self.request.model;
        let Some((table_layer, mode)) = bag_at(model, layer) else { return };
        let pieces = &self.recording.pieces[table_layer];
        let tables = pieces.iter().filter(|piece| piece.rows > 0);
        let bias = pieces.iter().find(|piece| piece.bias).map(|piece| self.weights(piece));
        let count = tables.clone().count();
        for (n, piece) in tables.enumerate() {
            let params = embedding_bag::Params {
                rows: rows as u32,
                length: self.shapes[0].width() as u32,
                units: self.shapes[layer + 1].width() as u32,
                first: piece.first as u32,
                table_rows: piece.rows as u32,
                mode: match mode {
                    BagMode::Sum => embedding_bag::SUM,
                    BagMode::Mean => embedding_bag::MEAN,
                    BagMode::SqrtN => embedding_bag::SQRT_N,
                },
                activation: activation.code(),
                adds: (n > 0) as u32,
                ends: (n + 1 == count) as u32,
                bias: bias.is_some() as u32,
            };
            step.push(embedding_bag::dispatch(
                params,
                embedding_bag::Bindings {
                    ids: self.batch_inputs,
                    table: self.weights(piece),
                    bias: bias.unwrap_or(self.nothing),
                    output,
                    scales: self.bag_scales,
                },
            ));
        }
    }

    /// Records the gradient of an embedding or bag: directly when small, else by sorting the ids.
    fn embedding_gradient(
        &self,
        layer: usize,
        positions: usize,
        rows: usize,
        units: usize,
        d_output: Span,
        step: &mut Vec<Dispatch>,
    ) {
        let model = self.request.model;
        let is_bag = bag_at(model, layer).or(bag_at(model, layer + 1)).is_some();
        let outer = self.column_behind(layer);
        let length = if is_bag || outer.is_some() { self.shapes[0].width() as u32 } else { 0 };
        let pieces = self.recording.pieces[layer].iter().filter(|piece| piece.rows > 0);
        // The logits' gradient and the weights stand for their product.
        let (ids, [scales, d_output]) = (
            self.batch_inputs,
            match outer {
                Some(weights) => [d_output, weights],
                None => [self.bag_scales, d_output],
            },
        );
        let outer = outer.is_some() as u32;
        let (count, units) = (positions as u32, units as u32);
        let Some(sort) = self.sort else {
            for piece in pieces {
                let gradient = self.weight_gradient(piece);
                let params = embedding_gradient::Params {
                    positions: count,
                    units,
                    rows: rows as u32,
                    length,
                };
                let bindings = embedding_gradient::Bindings { ids, d_output, scales, gradient };
                step.push(embedding_gradient::dispatch(params, bindings));
                self.update_piece(piece, gradient, step);
            }
            return;
        };
        let (heads, tails) = (sort.heads, sort.tails);
        if let Some(lazy) = self.recording.lazy {
            // The ids were sorted before the forward pass.
            let [sorted_ids, sorted_positions] = sort.sort.sorted(rows);
            let (gradient, rows, first) = (lazy.sums, u32::MAX, 0);
            step.push(embedding_gradient_runs::dispatch(
                embedding_gradient_runs::Params {
                    positions: count,
                    units,
                    length,
                    first,
                    rows,
                    compact: 1,
                    outer,
                },
                embedding_gradient_runs::Bindings {
                    sorted_ids,
                    sorted_positions,
                    d_output,
                    scales,
                    gradient,
                    heads,
                    tails,
                },
            ));
            step.push(embedding_gradient_carry::dispatch(
                embedding_gradient_carry::Params {
                    positions: count,
                    units,
                    first,
                    rows,
                    compact: 1,
                },
                embedding_gradient_carry::Bindings { sorted_ids, heads, tails, gradient },
            ));
            for piece in pieces {
                self.lazy_update(lazy, piece, count, units, sorted_ids, step);
            }
            let params = embedding_stamp::Params { count, all: 0 };
            let (state, steps) = (self.recording.state, lazy.steps);
            let bindings = embedding_stamp::Bindings { state, ids: sorted_ids, steps };
            step.push(embedding_stamp::dispatch(params, bindings));
            return;
        }
        let [sorted_ids, sorted_positions] = sort.sort.record(ids, count, rows, step);
        for piece in pieces {
            let gradient = self.weight_gradient(piece);
            let (first, rows) = (piece.first as u32, piece.rows as u32);
            let params = fill::Params { count: gradient.len as u32, value: 0.0 };
            step.push(fill::dispatch(params, fill::Bindings { values: gradient }));
            step.push(embedding_gradient_runs::dispatch(
                embedding_gradient_runs::Params {
                    positions: count,
                    units,
                    length,
                    first,
                    rows,
                    compact: 0,
                    outer,
                },
                embedding_gradient_runs::Bindings {
                    sorted_ids,
                    sorted_positions,
                    d_output,
                    scales,
                    gradient,
                    heads,
                    tails,
                },
            ));
            step.push(embedding_gradient_carry::dispatch(
                embedding_gradient_carry::Params {
                    positions: count,
                    units,
                    first,
                    rows,
                    compact: 0,
                },
                embedding_gradient_carry::Bindings { sorted_ids, heads, tails, gradient },
            ));
            self.update_piece(piece, gradient, step);
        }
    }

    /// The weights of the dense layer of one unit that ends the model and reads the sorted table `layer`
    /// through nothing but a flatten: the gradient of what it reads is a product that need not be
    /// written down.
    fn column_behind(&self, layer: usize) -> Option<Span> {
        let layers = self.request.model.layers();
        let behind = match layers.get(layer..)? {
            [Layer::Embedding { .. }, Layer::Flatten {}, Layer::Dense { units: 1, .. }] => {
                layer + 2
            }
            _ => return None,
        };
        let whole = match &self.recording.pieces[behind][..] {
            [piece] => self.weights(piece),
            _ => return None,
        };
        // Weights that are updated at once are not what the forward pass read.
        let is_late = self.recording.shared_gradients.is_none();
        (self.sort.is_some() && is_late).then_some(whole)
    }

    /// Records the sort of a batch's ids, and the steps that their rows have missed.
    fn replay(&self, lazy: Lazy, rows: usize, step: &mut Vec<Dispatch>) {
        let (Some(sort), Some(table_rows)) = (self.sort, self.request.model.embedding_rows())
        else {
            return;
        };
        let positions = rows * self.shapes[0].width();
        let ids = self.batch_inputs;
        let [sorted_ids, _] = sort.sort.record(ids, positions as u32, table_rows, step);
        for piece in self.recording.pieces[0].iter().filter(|piece| piece.rows > 0) {
            let table = (&self.recording.segments[piece.segment], piece);
            let units = piece.len / piece.rows;
            let spans = [self.recording.state, lazy.rates, sorted_ids, lazy.steps];
            step.extend(replay(self.request, table, positions, units, spans, false));
        }
    }

    /// Records Adam on the rows of a table's piece that the batch names.
    fn lazy_update(
        &self,
        lazy: Lazy,
        piece: &Piece,
        positions: u32,
        units: u32,
        sorted_ids: Span,
        step: &mut Vec<Dispatch>,
    ) {
        let segment = &self.recording.segments[piece.segment];
        let (Some(Optimizer::Adam { beta_1, beta_2, epsilon, .. }), &[first, second]) =
            (self.request.optimizer, &segment.moments[..])
        else {
            return;
        };
        let part = |span: Span| span.part(piece.offset, piece.len);
        step.push(embedding_adam::dispatch(
            embedding_adam::Params {
                positions,
                units,
                first: piece.first as u32,
                rows: piece.rows as u32,
                beta_1: beta_1 as f32,
                beta_2: beta_2 as f32,
                complement_1: (1.0 - beta_1) as f32,
                complement_2: (1.0 - beta_2) as f32,
                epsilon: epsilon as f32,
            },
            embedding_adam::Bindings {
                state: self.recording.state,
                schedule: self.recording.schedule,
                sorted_ids,
                gradients: lazy.sums,
                weights: part(segment.weights),
                first_moments: part(first),
                second_moments: part(second),
            },
        ));
    }

    /// Where gradients share a buffer, records the update of a piece that has its own there.
    fn update_piece(&self, piece: &Piece, gradient: Span, step: &mut Vec<Dispatch>) {
        if self.recording.shared_gradients.is_some() {
            self.update(&self.recording.segments[piece.segment], piece.offset, gradient, step);
        }
    }

    /// Records the optimizer on the part of a segment from `offset` on that `gradients` are of.
    fn update(&self, segment: &Segment, offset: usize, gradients: Span, step: &mut Vec<Dispatch>) {
        let (state, schedule) = (self.recording.state, self.recording.schedule);
        let count = gradients.len as u32;
        let part = |span: Span| span.part(offset, gradients.len);
        let weights = part(segment.weights);
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
                        first_moments: part(first),
                        second_moments: part(second),
                    },
                ));
            }
            (Some(Optimizer::Sgd { momentum, .. }), &[velocities]) => {
                let params = sgd::Params { count, momentum: momentum as f32 };
                let velocities = part(velocities);
                let bindings = sgd::Bindings { state, schedule, gradients, weights, velocities };
                step.push(sgd::dispatch(params, bindings));
            }
            _ => {}
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

    fn weights(&self, piece: &Piece) -> Span {
        self.recording.segments[piece.segment].weights.part(piece.offset, piece.len)
    }

    fn weight_gradient(&self, piece: &Piece) -> Span {
        let own = self.recording.segments[piece.segment].gradients;
        match self.recording.shared_gradients {
            Some(shared) => shared.part(0, piece.len),
            None => own.map_or(self.nothing, |span| span.part(piece.offset, piece.len)),
        }
    }

    /// Records the noise on the batch's inputs, where the model has any; returns what it reads.
    fn add_noise(
        &self,
        feed: &Feed,
        spec: FeedSpec,
        rows: usize,
        step: &mut Vec<Dispatch>,
    ) -> Span {
        let (Some(noise), Some(output)) = (self.request.model.noise, self.noisy_inputs) else {
            return self.batch_inputs;
        };
        if spec.purpose == Purpose::Prediction {
            return self.batch_inputs;
        }
        let width = self.request.model.input().width() as u32;
        let fixed = spec.purpose == Purpose::Evaluation;
        let params = noise.params(rows as u32, width, fixed, self.request.seed);
        let (state, order, input) = (self.recording.state, feed.order, self.batch_inputs);
        step.push(noise::dispatch(params, noise::Bindings { state, order, input, output }));
        output
    }
}

/// How the gradient of some rows of a dense layer's weights is computed.
fn gradient_params(
    rows: usize,
    stride: usize,
    units: usize,
    piece: &Piece,
) -> dense_gradient_weights::Params {
    dense_gradient_weights::Params {
        rows: rows as u32,
        inputs: piece.rows as u32,
        units: units as u32,
        stride: stride as u32,
        first: piece.first as u32,
        bias: piece.bias as u32,
        part_rows: rows as u32,
    }
    .in_parts()
}

/// Whether layer `i` ends a bag: the layer that has its table, and how the rows become one.
fn bag_at(model: &Model, i: usize) -> Option<(usize, BagMode)> {
    match (i.checked_sub(1).and_then(|before| model.layers().get(before)), model.layers().get(i)?) {
        (_, Layer::EmbeddingBag { mode, .. }) => Some((i, *mode)),
        (Some(Layer::Embedding { .. }), Layer::MeanPool {}) => Some((i - 1, BagMode::Mean)),
        _ => None,
    }
}

/// A model whose steps share a dispatch.
struct Small {
    layers: Vec<small_steps::Layer>,
    /// Values of a batch.
    values: usize,
    loss: small_steps::Loss,
    /// Steps that one dispatch does at most.
    steps_at_once: usize,
}

/// The model as `small_steps` takes it, if it is one of embedding and dense layers that fits, and so
/// small that a dispatch costs more than a step's work.
fn small_layers(request: &Request<'_>, shapes: &[Shape]) -> Option<Small> {
    /// Multiply-adds of a forward pass up to which one workgroup is faster than many dispatches.
    const WORK: usize = 1 << 14;
    let model = request.model;
    let feed = request.feeds.iter().find(|feed| feed.purpose == Purpose::Training)?;
    let loss = match model.loss() {
        Loss::BinaryCrossentropy => small_steps::Loss::BinaryCrossentropy,
        Loss::CategoricalCrossentropy => small_steps::Loss::CategoricalCrossentropy,
        Loss::Mse => small_steps::Loss::Mse,
        Loss::NegativeSampling => return None,
    };
    let is_matrix = matches!(model.input(), Input::Matrix { .. });
    if !request.small
        || request.frozen > 0
        || model.noise.is_some()
        || request.optimizer.is_none()
        || feed.target_width.is_none() && !is_matrix
        || groups(model.loss(), feed.batch, model.outputs()) > 1
    {
        return None;
    }
    let mut layers = Vec::new();
    // Each layer's weights begin a multiple of the alignment in, as `place_parameters` has them.
    let (mut weights, mut work) = (0, 0);
    for (i, layer) in model.layers().iter().enumerate() {
        let (embeds, reads, units, activation, own) = match *layer {
            Layer::Embedding { rows, units } => {
                (true, shapes[i].width(), units, kernels::Activation::Linear, rows * units)
            }
            Layer::Dense { units, activation } => {
                let reads = shapes[i].width();
                let activation = activation.elementwise().unwrap_or_default();
                (false, reads, units, activation, (reads + 1) * units)
            }
            Layer::Flatten {} => continue,
            Layer::Dropout { rate: 0.0 } => continue,
            Layer::Dropout { .. } | Layer::MeanPool {} | Layer::EmbeddingBag { .. } => return None,
        };
        layers.push(small_steps::Layer { embeds, reads, units, activation, weights, output: 0 });
        weights += own.next_multiple_of(ALIGNMENT);
        work += if embeds { 0 } else { feed.batch * own };
    }
    let mut values = if is_matrix { feed.batch * model.input().width() } else { 0 };
    for layer in &mut layers {
        layer.output = 4 * weights + values;
        values += feed.batch * layer.gives();
    }
    let table_rows = model.embedding_rows().unwrap_or(0);
    let steps_at_once = small_steps::steps_at_once(&layers, feed.batch, weights, table_rows);
    let fits = 4 * weights + 2 * values <= small_steps::ROOM && work <= WORK && steps_at_once > 0;
    (fits && !layers.is_empty()).then_some(Small { layers, values, loss, steps_at_once })
}

/// Whether the first layer's table can be updated only where a batch names its rows: its optimizer's
/// missed steps can be replayed exactly, and its gradient is not cheaper as a whole.
fn can_be_lazy(request: &Request<'_>, batch: usize) -> bool {
    let Some(&(Layer::Embedding { rows, units } | Layer::EmbeddingBag { rows, units, .. })) =
        request.model.layers().first()
    else {
        return false;
    };
    let positions = batch * request.model.input().width();
    let is_exact = match request.optimizer {
        Some(Optimizer::Adam { beta_1, beta_2, .. }) => embedding_replay::is_exact(beta_1, beta_2),
        _ => false,
    };
    request.lazy
        && request.frozen == 0
        && is_exact
        && !embedding_gradient::is_direct(positions, rows, units)
        && positions <= 4 * rows
        && (positions * units).max(rows) <= request.max_binding
}

/// The steps that rows of a table's piece have missed: those of a batch's sorted ids, or `all` rows.
fn replay(
    request: &Request<'_>,
    (segment, piece): (&Segment, &Piece),
    positions: usize,
    units: usize,
    [state, rates, sorted_ids, steps]: [Span; 4],
    all: bool,
) -> Option<Dispatch> {
    let (Some(Optimizer::Adam { beta_1, beta_2, epsilon, .. }), &[first, second]) =
        (request.optimizer, &segment.moments[..])
    else {
        return None;
    };
    let part = |span: Span| span.part(piece.offset, piece.len);
    Some(embedding_replay::dispatch(
        embedding_replay::Params {
            positions: positions as u32,
            units: units as u32,
            first: piece.first as u32,
            rows: piece.rows as u32,
            all: all as u32,
            beta_1: beta_1 as f32,
            beta_2: beta_2 as f32,
            epsilon: epsilon as f32,
        },
        embedding_replay::Bindings {
            state,
            rates,
            sorted_ids,
            steps,
            weights: part(segment.weights),
            first_moments: part(first),
            second_moments: part(second),
        },
    ))
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
        Loss::CategoricalCrossentropy => categorical_crossentropy::groups(rows, outputs),
        Loss::BinaryCrossentropy | Loss::Mse | Loss::NegativeSampling => {
            binary_crossentropy::groups(rows * outputs)
        }
    }
}

/// What [`place_parameters`] made.
struct Placed {
    segments: Vec<Segment>,
    pieces: Vec<Vec<Piece>>,
    shared_gradients: Option<Span>,
}

/// Packs every layer's parameters into segments, none larger than a binding.
fn place_parameters(
    program: &mut Program,
    request: &Request<'_>,
    shapes: &[Shape],
    trains: bool,
    lazy: bool,
    small: bool,
) -> Result<Placed> {
    let limit = request.max_binding / ALIGNMENT * ALIGNMENT;
    // Length of each segment, and how it learns.
    let mut lengths: Vec<(usize, Learns)> = Vec::new();
    let mut pieces = Vec::new();
    for (i, layer) in request.model.layers().iter().enumerate() {
        let learns = match trains && i >= request.frozen {
            true => Learns::AsAWhole,
            false => Learns::Never,
        };
        let (rows, units, bias) = match *layer {
            Layer::Embedding { rows, units } => (rows, units, Bias::None),
            Layer::EmbeddingBag { rows, units, .. } => (rows, units, Bias::Apart),
            Layer::Dense { units, .. } => (shapes[i].width(), units, Bias::Behind),
            Layer::Flatten {} | Layer::MeanPool {} | Layer::Dropout { .. } => {
                pieces.push(Vec::new());
                continue;
            }
        };
        if units > limit {
            return Err(Error::Device(format!(
                "one row of the weights of layer {} ({}) takes {} MB, and one binding of this device holds {} MB; give it fewer units, or use `--device cpu`",
                i + 1,
                layer.kind(),
                units * 4 / 1_000_000,
                limit * 4 / 1_000_000
            )));
        }
        // A table's rows are gathered, a dense layer's summed.
        let most = match layer {
            Layer::Dense { .. } => units.saturating_mul(product::MOST_TERMS as usize),
            _ => usize::MAX,
        };
        let mut place = |first: usize, rows: usize, bias: bool| {
            let learns = if lazy && i == 0 && rows > 0 { Learns::ByRow } else { learns };
            let len = (rows + bias as usize) * units;
            let padded = len.next_multiple_of(ALIGNMENT);
            let room = limit.min(SHARED_FROM);
            // Into the last segment while there is room, else into a new one.
            match lengths.last() {
                Some(&(last, other)) if other == learns && last + padded <= room => {}
                _ => lengths.push((0, learns)),
            }
            let segment = lengths.len() - 1;
            let offset = lengths[segment].0;
            lengths[segment].0 += padded;
            Piece { segment, offset, len, first, rows, bias }
        };
        pieces.push(
            split_rows(rows, units, bias, limit.min(most))
                .into_iter()
                .map(|(first, rows, bias)| place(first, rows, bias))
                .collect(),
        );
    }
    let total = |which: &dyn Fn(Learns) -> bool| -> usize {
        lengths.iter().filter(|(_, learns)| which(*learns)).map(|(len, _)| len).sum()
    };
    let large = limit.min(SHARED_FROM);
    let shares = trains && total(&|learns| learns == Learns::AsAWhole) > large;
    let keeps_best = request.keep_best && total(&|learns| learns != Learns::Never) <= large;
    let dense = pieces.iter().skip(request.frozen).flatten();
    let largest = dense
        .filter(|piece: &&Piece| lengths[piece.segment].1 == Learns::AsAWhole)
        .map(|piece| piece.len)
        .max();
    let shared_gradients =
        shares.then(|| program.buffer("gradients", Element::F32, largest.unwrap_or(1)));
    let moments = request.optimizer.map_or(0, |optimizer| optimizer.moments());
    if let (true, &[(len, _)]) = (small, &lengths[..]) {
        // `small_steps` takes all that belongs to the weights as one buffer.
        let arena = program.buffer("arena", Element::F32, 4 * len);
        let best = keeps_best.then(|| program.buffer("best weights", Element::F32, len));
        let segments = vec![Segment {
            weights: arena.part(0, len),
            gradients: Some(arena.part(3 * len, len)),
            moments: (1..=moments).map(|m| arena.part(m * len, len)).collect(),
            best,
        }];
        return Ok(Placed { segments, pieces, shared_gradients: None });
    }
    let mut segments = Vec::new();
    for (i, (len, learns)) in lengths.into_iter().enumerate() {
        let mut reals = |name: String| program.buffer(name, Element::F32, len);
        segments.push(Segment {
            weights: reals(format!("weights {i}")),
            gradients: (learns == Learns::AsAWhole && !shares)
                .then(|| reals(format!("gradients {i}"))),
            moments: match learns {
                Learns::ByRow | Learns::AsAWhole => {
                    (0..moments).map(|m| reals(format!("moment {m}, {i}"))).collect()
                }
                Learns::Never => Vec::new(),
            },
            best: (keeps_best && learns != Learns::Never)
                .then(|| reals(format!("best weights {i}"))),
        });
    }
    Ok(Placed { segments, pieces, shared_gradients })
}

/// How a segment's parameters learn.
#[derive(Clone, Copy, PartialEq)]
enum Learns {
    Never,
    /// A lazy table.
    ByRow,
    AsAWhole,
}

/// Where a layer's bias lies.
#[derive(Clone, Copy, PartialEq)]
enum Bias {
    None,
    /// Behind the kernel's last row, in the same piece.
    Behind,
    /// In a piece of its own.
    Apart,
}

/// Cuts a layer's rows of `units` elements into pieces of at most `limit` elements: (first row,
/// rows, whether the bias follows).
fn split_rows(rows: usize, units: usize, bias: Bias, limit: usize) -> Vec<(usize, usize, bool)> {
    let fit = (limit / units).max(1);
    // Whole tiles of the matrix products where that many fit.
    let step = match fit {
        64.. => fit / 64 * 64,
        4..64 => fit / 4 * 4,
        _ => fit,
    };
    let step = if rows + (bias == Bias::Behind) as usize <= fit { rows.max(1) } else { step };
    let mut pieces: Vec<(usize, usize, bool)> =
        (0..rows).step_by(step).map(|first| (first, step.min(rows - first), false)).collect();
    match (bias, pieces.last_mut()) {
        (Bias::None, _) => {}
        (Bias::Behind, Some(last)) if last.1 < fit => last.2 = true,
        _ => pieces.push((rows, 0, true)),
    }
    pieces
}
