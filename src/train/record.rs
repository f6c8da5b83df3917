//! Records a model as a program: one step of training, of evaluation, of prediction.
//!
//! A step reads a batch from a [`Feed`], runs the plan's operations forward, computes loss and gradient, runs
//! them backward, and updates the weights. What an operation computes is said in `layers/`; which operations
//! there are, in the plan, after its fusions; where the weights lie, by `place.rs`.

use super::Role;
use super::augment::Augment;
use super::feed::{Feed, FeedSpec, RaggedFeed, RaggedSize, RaggedSpec};
use super::fuse::{self, Fusions};
use super::lifetimes::{self, Held, Saving};
use super::place::{PlaceRequest, place};
use super::small::Small;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::kernels::{self, *};
use crate::layers::Activation;
use crate::layers::candidates::Candidates;
use crate::layers::plan::{INPUT, Plan, Purpose, ValueId};
use crate::layers::record::{At, Places, Ragged, Seen, Step, Workspace};
use crate::layers::table::{Lazy, TableBuffers, replay_batch};
use crate::losses::{Loss, LossAt, Smoothing, Weighting};
use crate::model::{Input, Model};
use crate::optimizers::{Clip, Clipping, Optimizer, Rows};
use crate::program::Program;

/// Steps whose losses the history buffer holds.
pub(super) const MAX_SLOTS: usize = 1024;

/// Rows that an order buffer holds beyond one epoch's, so that short epochs share a submission.
const ORDER_ROWS: usize = 1 << 18;

/// A recorded model.
#[derive(Debug)]
pub(super) struct Recording {
    pub program: Program,
    pub space: Workspace,
    /// `[slots, groups, 2]`: sums of losses, and of right answers.
    pub history: Span,
    /// What is in `state` from TABLE_ROWS on, where a small model's steps share a dispatch.
    pub small: Option<Vec<u32>>,
    /// Steps of a small model that one dispatch does at most.
    pub steps_at_once: usize,
    pub feeds: Vec<Feed>,
    /// Outputs of a prediction, `[resident rows, outputs]`.
    pub store: Option<Span>,
    /// Bytes of the buffers that values between layers and their gradients lie in.
    pub value_bytes: u64,
    /// The classes that a training step learns from, where these are not all.
    pub candidates: Option<Candidates>,
}

impl Recording {
    pub fn places(&self) -> &Places {
        &self.space.places
    }

    /// Where the parameters of a role lie, piece by piece; frozen layers have weights only.
    ///
    /// # Errors
    /// [`Error::Usage`] when this recording has no such arrays.
    pub fn spans(&self, role: Role) -> Result<Vec<Span>> {
        let places = self.places();
        let span = |piece: &crate::layers::record::Piece| {
            let segment = &places.segments[piece.segment];
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
        let skipped = if role == Role::Weights { 0 } else { places.frozen };
        let pieces = places.pieces.iter().skip(skipped).flatten();
        pieces.filter(|piece| role.has_statistics() || !piece.is_statistics).map(span).collect()
    }
}

/// What the recording is asked for.
pub(super) struct Request<'a> {
    pub model: &'a Model,
    pub feeds: &'a [FeedSpec],
    /// Required where a feed trains.
    pub optimizer: Option<Optimizer>,
    pub clip: Option<Clip>,
    /// Rows of a training batch that are taken at once, where that is not all.
    pub micro_batch: Option<usize>,
    /// See [`super::Trainer::recompute`].
    pub recompute: bool,
    /// From 0 to below 1: see [`super::Trainer::label_smoothing`].
    pub label_smoothing: f64,
    /// See [`super::Trainer::sampled_classes`].
    pub sampled_classes: Option<usize>,
    /// How a batch's pictures are moved in training.
    pub augment: Option<Augment>,
    pub seed: u64,
    pub keep_best: bool,
    /// Layers that stay as they are.
    pub frozen: usize,
    pub fusions: Fusions,
    pub max_binding: usize,
    /// Numbers of rows below a batch's for which a prediction has routines of their own.
    pub fewer_rows: &'static [usize],
}

impl Request<'_> {
    /// Whether something reads gradients between backward pass and update.
    pub fn needs_gradients(&self) -> bool {
        self.clip.is_some() || self.accumulates()
    }

    /// Rows of a feed's batch that are taken at once.
    fn part(&self, feed: &FeedSpec) -> usize {
        match (feed.purpose, self.micro_batch) {
            (Purpose::Training, Some(rows)) => rows.clamp(1, feed.batch.max(1)),
            _ => feed.batch,
        }
    }

    /// Whether a training batch is taken in parts.
    fn accumulates(&self) -> bool {
        self.feeds.iter().any(|feed| self.part(feed) < feed.batch)
    }

    /// Elements of a batch's inputs at most.
    fn words(&self, batch: usize) -> usize {
        let ragged = self.feeds.iter().filter_map(|feed| feed.ragged);
        match ragged.map(|of| of.part[1].max(1)).max() {
            Some(most) => most,
            None => batch * self.model.input().width(),
        }
    }

    /// The first layer's table where its rows can be updated only where a batch names them: the optimizer
    /// leaves the others as they are, or their missed steps can be replayed exactly, and the gradient is not cheaper as a whole.
    fn lazy_table(&self, table: Option<(usize, usize)>, batch: usize) -> Option<(usize, usize)> {
        let (rows, units) = table?;
        if self.optimizer.as_ref()?.rows() == Rows::All {
            return None;
        }
        let ragged = self.feeds.iter().find_map(|feed| feed.ragged);
        // Those of most batches, and those that there must be room for.
        let (positions, most) = match ragged {
            Some(of) => (batch * of.held / self.feeds[0].rows.max(1), self.words(batch)),
            None => (self.words(batch), self.words(batch)),
        };
        let can = self.fusions.lazy_rows
            && self.frozen == 0
            && !self.needs_gradients()
            && (ragged.is_some() || !embedding_gradient::is_direct(positions, rows, units))
            && positions <= 4 * rows
            && (most * units).max(rows) <= self.max_binding;
        can.then_some((rows, units))
    }
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

/// What a batch's rows with weights are parted into.
#[derive(Clone, Copy)]
struct Weighted {
    /// `[batch, target width]`
    targets: Span,
    /// `[batch]`
    weights: Span,
    /// `[batch, outputs]`: targets times weights, for a loss that is weighted by them.
    products: Span,
}

/// Where a batch's pictures are once they were moved.
#[derive(Clone, Copy)]
struct Moved {
    shape: ImageShape,
    /// `[batch, height, width, channels]`
    span: Span,
}

struct Recorder<'a> {
    request: &'a Request<'a>,
    plan: Plan,
    recording: Recording,
    batch_targets: Span,
    smoothed_targets: Option<Span>,
    /// The pictures of a training batch, moved, where the run asks for it, and the targets that go with them.
    moved_inputs: Option<Moved>,
    moved_targets: Option<Moved>,
    /// What a loss keeps between its launches.
    beside_loss: Span,
    /// The targets and the weights of weighted rows, apart, and the targets times the weights.
    weighted: Option<Weighted>,
    /// The inputs with noise, where the model has any.
    noisy_inputs: Option<Span>,
    /// Where values lie in training, and in steps for other purposes.
    held: [Held; 2],
    small: Option<Small>,
}

impl<'a> Recorder<'a> {
    fn new(request: &'a Request<'a>) -> Result<Self> {
        let model = request.model;
        let shapes = model.layer_shapes();
        let names = model.layer_names();
        let mut program = Program::default();
        let training = request.feeds.iter().find(|feed| feed.purpose == Purpose::Training);
        let trains = training.is_some();
        let batch = request.feeds.iter().map(|feed| request.part(feed)).max().unwrap_or(1);
        let outputs = model.outputs();

        let mut plan = Plan::lower(shapes[0], model.layers(), &names);
        if request.fusions.bags {
            fuse::bags(&mut plan);
        }
        let is_ragged = request.feeds.iter().any(|feed| feed.ragged.is_some());
        if is_ragged
            && (!fuse::has_bag(&plan) || request.feeds.iter().any(|feed| feed.ragged.is_none()))
        {
            return Err(Error::Model(
                "rows of different lengths are read through a bag, or a mean over an embedding, and by all data sets of a run or by none; pad them to one length".into(),
            ));
        }
        if request.fusions.activations {
            fuse::activations(&mut plan);
        }
        let small = training.and_then(|feed| Small::new(&plan, request, feed));
        let table_rows = model.embedding_rows().unwrap_or(0);
        let small_words = small.as_ref().map(|small| small.words(table_rows));

        let words = state::WORDS + small_words.as_ref().map_or(0, Vec::len);
        let state = program.buffer("state", Element::U32, words);
        let schedule = program.buffer("schedule", Element::F32, MAX_SLOTS);
        let rates = program.buffer("rates", Element::F32, MAX_SLOTS);
        let beside_loss = match request.feeds.iter().any(|feed| feed.purpose != Purpose::Prediction)
        {
            true => batch * outputs * model.loss().objective().beside(),
            false => 0,
        };
        let beside_loss = program.buffer("beside the loss", Element::F32, beside_loss);
        // As large as the widest item that a kernel may declare.
        let nothing = program.buffer("nothing", Element::F32, 8);

        let layout =
            |(i, layer): (usize, &crate::layers::Layer)| layer.describe().layout(shapes[i]);
        let statistics = model.layers().iter().map(|layer| layer.describe().statistics()).collect();
        let layouts: Vec<_> = model.layers().iter().enumerate().map(layout).collect();
        // Layers that read ids come first.
        let first = model.layers().first().and_then(|layer| layer.table_rows());
        let table = first.zip(layouts[0]).map(|(rows, layout)| (rows, layout.units));
        let lazy = request.lazy_table(table, batch).filter(|_| trains && small.is_none());
        let places = place(
            &mut program,
            &PlaceRequest {
                layouts,
                statistics,
                names: &names,
                max_binding: request.max_binding,
                trains,
                frozen: request.frozen,
                lazy: lazy.map(|_| 0),
                one_arena: small.is_some(),
                accumulates: trains && request.accumulates(),
                whole_gradients: matches!(request.clip, Some(Clip::Norm(_))),
                keep_best: request.keep_best,
                moments: request.optimizer.map_or(0, |optimizer| optimizer.moments()),
            },
        )?;

        let length = model.input().width();
        let positions = request.words(batch);
        let batch_inputs = program.buffer("batch inputs", element(model.input()), positions);
        let longest =
            request.feeds.iter().filter_map(|feed| feed.ragged).map(|of| of.longest).max();
        let ragged = longest.map(|longest| Ragged {
            spans: program.buffer("batch spans", Element::U32, 2 * batch),
            starts: program.buffer("batch starts", Element::U32, batch + 1),
            row_of_id: program.buffer("batch rows", Element::U32, positions),
            longest,
        });
        let target_width = |feed: &FeedSpec| match (feed.gathered(), model.input()) {
            (Some(width), _) => width,
            (None, Input::Ids { .. }) if feed.purpose != Purpose::Prediction => outputs,
            (None, _) => 0,
        };
        let target_width = request.feeds.iter().map(target_width).max().unwrap_or(0);
        let batch_targets = program.buffer("batch targets", Element::F32, batch * target_width);
        let candidates = training.zip(request.sampled_classes).and_then(|(feed, drawn)| {
            let sizes = [request.part(feed), drawn];
            let targets = (batch_targets, feed.gathered().unwrap_or(1));
            Some(Candidates::new(&mut program, fuse::last_dense(&plan)?, sizes, targets))
        });
        if let Some(candidates) = candidates {
            fuse::sampled(&mut plan, candidates);
        }
        let groups = |feed: &FeedSpec| groups_of(request, feed, &plan);
        let widest = request.feeds.iter().map(groups).max().unwrap_or(1);
        let history = program.buffer("history", Element::F32, MAX_SLOTS * widest * 2);
        let augment = request.augment.filter(|_| trains);
        let mut moved = |name: &str, shape: Option<ImageShape>| {
            let shape = shape?;
            let span = program.buffer(name, Element::F32, batch * shape.len());
            Some(Moved { shape, span })
        };
        let moved_inputs = moved("moved inputs", augment.map(|augment| augment.shape));
        let moved_targets = moved("moved targets", augment.and_then(|augment| augment.targets));
        let has_noise = model.noise.is_some()
            && request.feeds.iter().any(|feed| feed.purpose != Purpose::Prediction);
        let noisy_inputs =
            has_noise.then(|| program.buffer("noisy inputs", Element::F32, batch * length));

        // A large table's ids are sorted for its gradient.
        let sorts = |&(rows, units): &(usize, usize)| {
            let tables = places.pieces[0].iter().filter(|piece| piece.rows > 0).count();
            trains
                && (lazy.is_some()
                    || is_ragged
                    || tables > 1
                    || !embedding_gradient::is_direct(positions, rows, units))
        };
        let sorted =
            table.filter(sorts).map(|(_, units)| TableBuffers::new(&mut program, positions, units));
        if let (true, Some(_), None) =
            (request.fusions.outer_tables, sorted, places.shared_gradients)
            && places.pieces.last().is_some_and(|pieces| pieces.len() == 1)
        {
            fuse::outer_table(&mut plan);
        }
        let lazy = match (lazy, &sorted, request.optimizer.map(|o| o.rows())) {
            (Some((rows, units)), Some(table), Some(rule)) => {
                let shared = (table, &places, state);
                Some(Lazy::new(&mut program, (0, rows, units), positions, rule, shared)?)
            }
            _ => None,
        };

        let purposes: Vec<(Purpose, usize)> =
            request.feeds.iter().map(|feed| (feed.purpose, request.part(feed))).collect();
        let saving =
            Saving { shares: request.fusions.shared_values, recomputes: request.recompute };
        let before = program.bytes();
        let held = lifetimes::hold(&mut program, &plan, &purposes, &places, saving);
        let value_bytes = program.bytes() - before;
        let mut parts_len = 0;
        for node in &plan.nodes {
            let input = plan.shape(node.inputs[0]);
            parts_len = parts_len.max(node.operation.parts(batch, input));
            if trains {
                let pieces = &places.pieces[node.layer];
                parts_len = parts_len.max(node.operation.gradient_parts(batch, input, pieces));
            }
        }
        let lengths = places.segments.iter().filter_map(|segment| segment.gradients);
        let lengths: Vec<usize> = lengths.map(|gradients| gradients.len).collect();
        let clip = request.clip.filter(|_| trains);
        let clipping = clip.map(|clip| Clipping::new(clip, &mut program, &lengths));
        let smooths = trains && request.label_smoothing > 0.0;
        let smoothed_targets =
            smooths.then(|| program.buffer("smoothed targets", Element::F32, batch * outputs));
        let weighted = training.filter(|feed| feed.weighted).map(|feed| {
            let width = feed.target_width.unwrap_or(0);
            let mut buffer =
                |name: &str, width: usize| program.buffer(name, Element::F32, batch * width);
            let products = match model.loss().objective().weighting() {
                Weighting::Kernel => nothing,
                Weighting::Targets => {
                    buffer("weighted targets", plan.training_width.unwrap_or(outputs))
                }
            };
            Weighted {
                targets: buffer("targets without weights", width),
                weights: buffer("weights of rows", 1),
                products,
            }
        });
        let gradient_parts = program.buffer("gradient parts", Element::F32, parts_len);
        let space = Workspace {
            state,
            schedule,
            rates,
            nothing,
            batch_inputs,
            ragged,
            gradient_parts,
            places,
            table: sorted,
            lazy,
            optimizer: request.optimizer,
            clipping,
            seed: request.seed,
        };
        let recording = Recording {
            program,
            space,
            history,
            small: small_words,
            steps_at_once: small.as_ref().map_or(1, |small| small.steps_at_once),
            feeds: Vec::new(),
            store: None,
            value_bytes,
            candidates,
        };
        Ok(Recorder {
            request,
            plan,
            recording,
            batch_targets,
            smoothed_targets,
            moved_inputs,
            moved_targets,
            beside_loss,
            weighted,
            noisy_inputs,
            held,
            small,
        })
    }

    /// Adds a data set's buffers and its one or two routines.
    fn add_feed(&mut self, spec: FeedSpec) -> Result<()> {
        let model = self.request.model;
        let (width, outputs) = (model.input().width(), model.outputs());
        let width = spec.ragged.map_or(width, |of| of.longest.max(2));
        let widest = width.max(spec.gathered().unwrap_or(0)).max(match spec.purpose {
            Purpose::Prediction => outputs,
            _ => 1,
        });
        // What does not fit in one binding is streamed, in whole batches.
        let max_binding = self.request.max_binding.min(spec.most);
        let held = spec.ragged.map_or(usize::MAX, |of| of.held);
        let resident = match max_binding / widest {
            _ if held.max(spec.rows * 2) <= max_binding => spec.rows,
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
        let elements = (resident * width).min(held.max(1));
        let inputs = program.buffer(format!("{purpose} inputs"), element, elements);
        let ragged = spec.ragged.map(|_| RaggedFeed {
            spans: program.buffer(format!("{purpose} spans"), Element::U32, resident * 2),
            sizes: Vec::new(),
        });
        let targets = spec
            .gathered()
            .map(|w| program.buffer(format!("{purpose} targets"), Element::F32, resident * w));
        let order_rows = resident.max(ORDER_ROWS.min(max_binding));
        let order = program.buffer(format!("{purpose} order"), Element::U32, order_rows);
        if spec.purpose == Purpose::Prediction {
            self.recording.store = Some(program.buffer("store", Element::F32, resident * outputs));
        }
        let mut feed = Feed {
            inputs,
            targets,
            order,
            resident,
            streamed: resident < spec.rows || spec.most < usize::MAX,
            rows: spec.rows,
            batch: spec.batch,
            part: self.request.part(&spec),
            target_width: spec.target_width,
            weighted: spec.weighted,
            full: None,
            tail: None,
            fewer: Vec::new(),
            whole: None,
            groups: groups_of(self.request, &spec, &self.plan),
            ragged,
        };
        let small = self.small.take_if(|_| spec.purpose == Purpose::Training);
        if let Some(small) = small {
            let (space, history) = (&self.recording.space, self.recording.history);
            let steps = vec![small.record(self.request, space, &feed, spec, history)];
            feed.whole = Some(self.recording.program.add_routine("small steps", steps)?);
            self.recording.feeds.push(feed);
            return Ok(());
        }
        if let Some(of) = spec.ragged {
            self.add_ragged(&mut feed, spec, of, purpose)?;
            self.recording.feeds.push(feed);
            return Ok(());
        }
        if spec.rows >= spec.batch {
            let step = self.step(&feed, spec, spec.batch, None)?;
            feed.full = Some(self.recording.program.add_routine(purpose, step)?);
        }
        if !spec.rows.is_multiple_of(spec.batch) {
            let step = self.step(&feed, spec, spec.rows % spec.batch, None)?;
            feed.tail = Some(self.recording.program.add_routine(format!("{purpose} tail"), step)?);
        }
        if spec.purpose == Purpose::Prediction {
            for &rows in self.request.fewer_rows.iter().filter(|&&rows| rows < spec.batch) {
                let step = self.step(&feed, spec, rows, None)?;
                let name = format!("{purpose} of {rows}");
                feed.fewer.push((rows, self.recording.program.add_routine(name, step)?));
            }
        }
        self.recording.feeds.push(feed);
        Ok(())
    }

    /// The routines of a data set whose rows have different lengths: by the ids of a batch.
    fn add_ragged(
        &mut self,
        feed: &mut Feed,
        spec: FeedSpec,
        of: RaggedSpec,
        purpose: &str,
    ) -> Result<()> {
        let tail = spec.rows % spec.batch;
        for words in of.sizes() {
            let mut size = RaggedSize { words, full: None, tail: None };
            for rows in [spec.batch, tail].into_iter().filter(|&rows| rows > 0) {
                let step = self.step(feed, spec, rows, Some(words))?;
                let name = format!("{purpose} of {rows} rows, {words} ids");
                let routine = self.recording.program.add_routine(name, step)?;
                match rows == spec.batch {
                    true => size.full = Some(routine),
                    false => size.tail = Some(routine),
                }
            }
            if let Some(ragged) = &mut feed.ragged {
                ragged.sizes.push(size);
            }
            // What is profiled: a batch of the usual size.
            if feed.full.is_none() || words * spec.rows <= 2 * of.held * spec.batch {
                feed.full = size.full;
            }
        }
        Ok(())
    }

    /// One step over `batch` rows, `feed.part` at a time; with `words`, over as many ids of rows of different lengths, at
    /// once.
    fn step(
        &self,
        feed: &Feed,
        spec: FeedSpec,
        batch: usize,
        words: Option<usize>,
    ) -> Result<Vec<Dispatch>> {
        let mut dispatches = Vec::new();
        for first in (0..batch).step_by(feed.part) {
            let rows = feed.part.min(batch - first);
            dispatches.extend(self.part(feed, spec, (batch, words), first, rows)?);
        }
        Ok(dispatches)
    }

    /// The `rows` rows from `first` on of a step over `batch`.
    fn part(
        &self,
        feed: &Feed,
        spec: FeedSpec,
        (batch, words): (usize, Option<usize>),
        first: usize,
        rows: usize,
    ) -> Result<Vec<Dispatch>> {
        let (space, purpose) = (&self.recording.space, spec.purpose);
        let mut step = Step { space, rows, first, batch, words, purpose, dispatches: Vec::new() };
        step.push(self.gather(feed, spec, rows, first == 0));
        if let (Some(words), Some(ragged)) = (words, &space.ragged) {
            let (rows, words) = (rows as u32, words as u32);
            let params = gather_ids::Params { rows, words, longest: ragged.longest as u32 };
            let bindings = gather_ids::Bindings {
                spans: ragged.spans,
                values: feed.inputs,
                ids: space.batch_inputs,
                row_of_id: ragged.row_of_id,
                starts: ragged.starts,
            };
            step.push(gather_ids::dispatch(params, bindings));
        }
        if purpose == Purpose::Training {
            replay_batch(self.request.model.input().width(), &mut step);
        }
        let clean = self.move_pictures(space.batch_inputs, self.moved_inputs, &mut step);
        let inputs = self.add_noise(feed, clean, &mut step);
        let values = self.forward(inputs, &mut step);
        let outputs = values[self.plan.root(self.plan.output).0];
        let outputs = outputs.map_or(inputs, |seen| seen.span);
        if purpose == Purpose::Prediction {
            self.store(outputs, &mut step);
            return Ok(step.dispatches);
        }
        let d_logits = self.loss(feed, spec, [clean, outputs], &mut step)?;
        if purpose == Purpose::Training {
            self.backward(values, d_logits, &mut step);
            step.update_all();
        }
        Ok(step.dispatches)
    }

    fn gather(&self, feed: &Feed, spec: FeedSpec, rows: usize, opens: bool) -> Dispatch {
        let space = &self.recording.space;
        let mut input_width = self.request.model.input().width() as u32;
        let target_width = spec.gathered().unwrap_or(0) as u32;
        let (state, order, mut inputs) = (space.state, feed.order, feed.inputs);
        let targets = feed.targets.unwrap_or(space.nothing);
        let (mut batch_inputs, batch_targets) = (space.batch_inputs, self.batch_targets);
        if let (Some(own), Some(ragged)) = (&feed.ragged, &space.ragged) {
            // Where the rows are: their ids come next.
            (inputs, batch_inputs, input_width) = (own.spans, ragged.spans, 2);
        }
        let (rows, opens) = (rows as u32, opens as u32);
        macro_rules! dispatch {
            ($kernel:ident) => {
                gather_batch::$kernel::dispatch(
                    gather_batch::$kernel::Params { rows, input_width, target_width, opens },
                    gather_batch::$kernel::Bindings {
                        state,
                        order,
                        inputs,
                        targets,
                        batch_inputs,
                        batch_targets,
                    },
                )
            };
        }
        match self.request.model.input() {
            Input::Ids { .. } => dispatch!(ids),
            Input::Matrix { .. } => dispatch!(matrix),
        }
    }

    /// Records how a training batch's pictures are moved, inputs and targets by the same draws, where the run asks for it;
    /// returns what there is then.
    fn move_pictures(&self, input: Span, to: Option<Moved>, step: &mut Step<'_>) -> Span {
        let (Some(augment), Some(Moved { shape, span: output }), Purpose::Training) =
            (&self.request.augment, to, step.purpose)
        else {
            return input;
        };
        let rows = [step.first as u32, step.rows as u32];
        let params = augment.params(shape, rows, self.request.seed);
        let state = step.space.state;
        step.push(augment::dispatch(params, augment::Bindings { state, input, output }));
        output
    }

    /// Records the noise on the batch's inputs, where the model has any; returns what it reads.
    fn add_noise(&self, feed: &Feed, input: Span, step: &mut Step<'_>) -> Span {
        let model = self.request.model;
        let (Some(noise), Some(output)) = (model.noise, self.noisy_inputs) else { return input };
        if step.purpose == Purpose::Prediction {
            return input;
        }
        let fixed = step.purpose == Purpose::Evaluation;
        let width = model.input().width() as u32;
        let mut params = noise.params(step.rows as u32, width, fixed, self.request.seed);
        params.first = step.first as u32 * width;
        let (state, order) = (step.space.state, feed.order);
        step.push(noise::dispatch(params, noise::Bindings { state, order, input, output }));
        output
    }

    /// Records every operation; returns where the values lie, by value.
    fn forward(&self, inputs: Span, step: &mut Step<'_>) -> Vec<Option<Seen>> {
        let mut values = vec![None; self.plan.values.len()];
        let shape = self.plan.shape(INPUT);
        let activation = kernels::Activation::Linear;
        values[INPUT.0] = Some(Seen { span: inputs, shape, activation });
        for (i, node) in self.plan.nodes.iter().enumerate() {
            let seen = self.seen(&node.inputs, &values);
            if node.operation.passes_on(step.purpose) {
                values[node.output.0] = seen.first().copied();
                continue;
            }
            let at = self.at(i, &seen, true, step);
            let activation = node.operation.forward(&at, step);
            values[node.output.0] = Some(Seen { span: at.output, shape: at.shape, activation });
        }
        values
    }

    /// Records the operations backward, from the last on, as far as something before them learns. What was dropped is
    /// computed again before the first that reads it.
    fn backward(&self, mut values: Vec<Option<Seen>>, d_logits: Span, step: &mut Step<'_>) {
        let last = self.plan.root(self.plan.output);
        let (rows, held) = (step.rows, self.held(step.purpose));
        let part = |span: Span, value: ValueId| span.part(0, rows * self.plan.shape(value).width());
        // Where the gradient of a node's input belongs: each reader of a value has its own place.
        let place = |node: usize, slot: usize| {
            let root = self.plan.root(self.plan.nodes[node].inputs[slot]);
            let first = held.gradients[root.0]?;
            let inputs = &self.plan.nodes[node].inputs[..slot];
            let same = inputs.iter().filter(|&&input| self.plan.root(input) == root).count();
            let before = self.plan.readers(root).iter().filter(|&&reader| reader < node).count();
            let place = match before + same {
                0 => first,
                n => held.more_gradients[root.0][n - 1],
            };
            Some(part(place, root))
        };
        let mut is_there = vec![false; values.len()];
        for (i, node) in self.plan.nodes.iter().enumerate().rev() {
            let d_inputs: Vec<Option<Span>> =
                (0..node.inputs.len()).map(|slot| place(i, slot)).collect();
            let has_work =
                d_inputs.iter().any(Option::is_some) || step.space.places.learns(node.layer);
            let d_output = match node.output == last {
                true => Some(d_logits),
                false => held.gradients[node.output.0].map(|span| part(span, node.output)),
            };
            let (true, Some(d_output)) = (has_work, d_output) else { continue };
            // All that read the value are behind its maker, so their gradients are there: their sum, in their
            // order.
            for &more in &held.more_gradients[node.output.0] {
                let width = self.plan.shape(node.output).width() as u32;
                let (rows, stride) = (step.rows as u32, width);
                let params = place_columns::Params { rows, width, stride, first: 0, adds: 1 };
                let input = part(more, node.output);
                let bindings = place_columns::Bindings { input, output: d_output };
                step.push(place_columns::dispatch(params, bindings));
            }
            if node.operation.reads_inputs_backward() {
                self.compute_again(&node.inputs, (&mut values, &mut is_there), step);
            }
            let mut seen = self.seen(&node.inputs, &values);
            if !node.operation.reads_inputs_backward() {
                seen.iter_mut().for_each(|seen| seen.span = step.space.nothing);
            }
            let at = self.at(i, &seen, false, step);
            node.operation.backward(&at, d_output, &d_inputs, step);
        }
    }

    /// Records those of these values again that were dropped and are not there again.
    fn compute_again(
        &self,
        wanted: &[ValueId],
        (values, is_there): (&mut [Option<Seen>], &mut [bool]),
        step: &mut Step<'_>,
    ) {
        for root in wanted.iter().map(|&value| self.plan.root(value)) {
            let Some(place) = self.held(step.purpose).again[root.0] else { continue };
            let place = place.part(0, step.rows * self.plan.shape(root).width());
            if std::mem::replace(&mut is_there[root.0], true) {
                continue;
            }
            let Some(node) = self.plan.nodes.iter().position(|node| node.output == root) else {
                continue;
            };
            let seen = self.seen(&self.plan.nodes[node].inputs, values);
            let at = At { output: place, ..self.at(node, &seen, false, step) };
            self.plan.nodes[node].operation.again(&at, step);
            if let Some(seen) = &mut values[root.0] {
                seen.span = place;
            }
        }
    }

    /// Values as the node that reads them sees them: a view with its own shape.
    fn seen(&self, inputs: &[ValueId], values: &[Option<Seen>]) -> Vec<Seen> {
        let seen = |&input: &ValueId| {
            let root = values[self.plan.root(input).0]?;
            Some(Seen { shape: self.plan.shape(input), ..root })
        };
        inputs.iter().filter_map(seen).collect()
    }

    /// Where values lie in steps of this purpose.
    fn held(&self, purpose: Purpose) -> &Held {
        &self.held[(purpose != Purpose::Training) as usize]
    }

    fn at<'s>(&self, node: usize, inputs: &'s [Seen], forward: bool, step: &Step<'_>) -> At<'s> {
        let held = self.held(step.purpose);
        let output = held.outputs[self.plan.nodes[node].output.0].filter(|_| forward);
        let nothing = step.space.nothing;
        let value = self.plan.nodes[node].output;
        let shape = self.plan.shape(value);
        let is_last = value == self.plan.root(self.plan.output);
        At {
            layer: self.plan.nodes[node].layer,
            inputs,
            output: output.map_or(nothing, |output| {
                let width = self.plan.width(value, step.purpose == Purpose::Training);
                output.part(0, step.rows * width)
            }),
            shape,
            scratch: held.scratch[node].unwrap_or(nothing),
            gives_logits: is_last && step.purpose != Purpose::Prediction,
        }
    }

    /// Records the loss of `logits`, against `clean` for a model that gives back its inputs; returns the gradient with
    /// respect to the logits.
    fn loss(
        &self,
        feed: &Feed,
        spec: FeedSpec,
        [clean, logits]: [Span; 2],
        step: &mut Step<'_>,
    ) -> Result<Span> {
        let model = self.request.model;
        let last = self.plan.root(self.plan.output);
        let outputs = self.plan.width(last, step.purpose == Purpose::Training);
        let rows = step.rows;
        let d_logits = self.held(step.purpose).gradients[last.0];
        let d_logits = d_logits.unwrap_or(step.space.nothing).part(0, rows * outputs);
        let objective = model.loss();
        let objective = objective.objective();
        let targets = match (spec.target_width, model.input()) {
            (Some(_), _) => self.move_pictures(self.batch_targets, self.moved_targets, step),
            (None, Input::Matrix { .. }) => clean,
            (None, Input::Ids { length }) => {
                let targets = self.batch_targets.part(0, rows * outputs);
                let params = fill::Params { count: targets.len as u32, value: 0.0 };
                step.push(fill::dispatch(params, fill::Bindings { values: targets }));
                let (length, starts, ragged) = step.rows_of_ids(length);
                let params = bag_targets::Params {
                    rows: rows as u32,
                    length,
                    outputs: outputs as u32,
                    counts: (model.loss() == Loss::CategoricalCrossentropy) as u32,
                    ragged,
                };
                let ids = step.space.batch_inputs;
                let bindings = bag_targets::Bindings { ids, starts, targets };
                step.push(bag_targets::dispatch(params, bindings));
                targets
            }
        };
        let mut targets = targets;
        let weighted = self.weighted.filter(|_| spec.weighted);
        if let (Some(weighted), Some(width)) = (weighted, spec.target_width) {
            targets = self.part_weights(weighted, width, step);
        }
        let mut sparse = objective.takes_classes() && spec.target_width == Some(1);
        if let (Some(candidates), Purpose::Training) = (&self.recording.candidates, step.purpose) {
            targets = candidates.slots_of(targets.part(0, rows), step);
        }
        if let (Some(smoothed), Purpose::Training) = (self.smoothed_targets, step.purpose) {
            let smoothed = smoothed.part(0, rows * outputs);
            let params = smooth_targets::Params {
                rows: rows as u32,
                outputs: outputs as u32,
                sparse: sparse as u32,
                binary: (objective.smoothing() == Some(Smoothing::EachOutput)) as u32,
                smoothing: self.request.label_smoothing as f32,
            };
            let bindings = smooth_targets::Bindings { targets, smoothed };
            step.push(smooth_targets::dispatch(params, bindings));
            (targets, sparse) = (smoothed, false);
        }
        let mut weights = weighted.map(|weighted| weighted.weights.part(0, rows));
        if let (Some(weighted), Weighting::Targets) = (weighted, objective.weighting()) {
            let products = weighted.products.part(0, rows * outputs);
            let params = weigh_targets::Params {
                rows: rows as u32,
                outputs: outputs as u32,
                sparse: sparse as u32,
                least: weigh_targets::LEAST,
            };
            let weights_of_rows = weighted.weights.part(0, rows);
            let bindings =
                weigh_targets::Bindings { targets, weights: weights_of_rows, weighted: products };
            step.push(weigh_targets::dispatch(params, bindings));
            (targets, sparse, weights) = (products, false, None);
        }
        let at = LossAt {
            rows: rows as u32,
            outputs: outputs as u32,
            groups: feed.groups as u32,
            sparse,
            activation: model.output_activation().fused().unwrap_or_default(),
            state: step.space.state,
            logits,
            targets,
            weights,
            d_logits,
            history: self.recording.history,
            beside: self.beside_loss,
        };
        if let Some(dispatch) = objective.before(&at) {
            step.push(dispatch);
        }
        let Some(dispatch) = objective.record(&at) else {
            return Err(Error::Model(format!(
                "a model with the loss {} is not trained on a data set",
                objective.name()
            )));
        };
        step.push(dispatch);
        Ok(d_logits)
    }

    /// Parts a batch's targets from the weights behind them; returns the targets.
    fn part_weights(&self, weighted: Weighted, width: usize, step: &mut Step<'_>) -> Span {
        let (rows, stride) = (step.rows, width as u32 + 1);
        let gathered = self.batch_targets.part(0, rows * (width + 1));
        let mut take = |first: usize, width: usize, to: Span| {
            let to = to.part(0, rows * width);
            let params = take_columns::Params {
                rows: rows as u32,
                width: width as u32,
                stride,
                first: first as u32,
                activation: kernels::Activation::Linear.code(),
            };
            let input = gathered.part(0, rows * width);
            let bindings = take_columns::Bindings { input, d_output: gathered, d_input: to };
            step.push(take_columns::dispatch(params, bindings));
            to
        };
        take(width, 1, weighted.weights);
        take(0, width, weighted.targets)
    }

    /// Records what a prediction keeps.
    fn store(&self, logits: Span, step: &mut Step<'_>) {
        let model = self.request.model;
        let (rows, width) = (step.rows as u32, model.outputs() as u32);
        let nothing = step.space.nothing;
        let mut outputs = logits;
        if model.output_activation() == Activation::Softmax {
            let last = self.plan.root(self.plan.output);
            let activated = self.held(step.purpose).gradients[last.0];
            outputs = activated.unwrap_or(nothing).part(0, logits.len);
            let params = softmax::Params { rows, outputs: width };
            step.push(softmax::dispatch(params, softmax::Bindings { logits, output: outputs }));
        }
        let (state, store) = (step.space.state, self.recording.store.unwrap_or(nothing));
        // Much is copied by many workgroups; what ends the pass is one.
        let is_much = rows as usize * width as usize >= keep_rows::FROM;
        if is_much {
            let bindings = keep_rows::Bindings { state, outputs, store };
            step.push(keep_rows::dispatch(keep_rows::Params { rows, width }, bindings));
        }
        let width = if is_much { 0 } else { width };
        let bindings = store_rows::Bindings { state, outputs, store };
        step.push(store_rows::dispatch(store_rows::Params { rows, width }, bindings));
    }
}

/// Groups of a slot of the history, of a feed's batches.
fn groups_of(request: &Request<'_>, feed: &FeedSpec, plan: &Plan) -> usize {
    let outputs = plan.width(plan.root(plan.output), feed.purpose == Purpose::Training);
    request.model.loss().objective().groups(request.part(feed), outputs)
}

/// Type of a model's inputs on a device.
fn element(input: Input) -> Element {
    match input {
        Input::Ids { .. } => Element::U32,
        Input::Matrix { .. } => Element::F32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;
    use crate::data::{Dataset, Inputs, Targets};
    use crate::layers::Layer;
    use crate::train::{Session, Trainer};

    /// Texts of these lengths, of the words 1 to 19, with a target each.
    fn texts(lengths: &[usize]) -> Dataset {
        let mut ends = Vec::new();
        let mut values = Vec::new();
        for &length in lengths {
            let first = values.len();
            values.extend((0..length).map(|i| ((first + 3 * i) % 19 + 1) as u32));
            ends.push(values.len());
        }
        let targets = (0..lengths.len()).map(|row| (row % 2) as f32).collect();
        let inputs = Inputs::Ragged { values, ends, length: 4 };
        Dataset::new(inputs, Targets::Values { width: 1, values: targets }, "texts").expect("texts")
    }

    fn classifier(words: usize, units: usize) -> Model {
        let layers = vec![
            Layer::embedding(words, units),
            Layer::mean_pool(),
            Layer::dense(1, Activation::Sigmoid),
        ];
        Model::new(Input::Ids { length: 4 }, layers, Loss::BinaryCrossentropy, 1).expect("a model")
    }

    fn rows(count: usize, features: usize) -> Dataset {
        let values = vec![0.5; count * features];
        let inputs = Inputs::Matrix { features, values };
        let targets = Targets::Values { width: 1, values: vec![1.0; count] };
        Dataset::new(inputs, targets, "rows").expect("rows")
    }

    fn line(features: usize) -> Model {
        let layers = vec![Layer::dense(1, Activation::Linear)];
        Model::new(Input::Matrix { features }, layers, Loss::Mse, 1).expect("a model")
    }

    /// The feeds of a run in batches of 4, on a device whose bindings hold so many elements.
    fn feeds(model: &Model, dataset: &Dataset, max_binding: usize) -> Vec<Feed> {
        let fusions = Fusions::ALL.with_small_steps(false);
        let trainer = Trainer { batch_size: 4, fusions, ..Trainer::default() };
        let prepare = |program: &Program| Device::cpu().prepare(program);
        let session = Session::open(model, &trainer, dataset, None, max_binding, prepare);
        session.expect("a session").feeds().to_vec()
    }

    #[test]
    fn rows_that_no_binding_holds_are_streamed_in_whole_batches() {
        let of = |count: usize, max_binding: usize| {
            let feed = feeds(&line(7), &rows(count, 7), max_binding).remove(0);
            assert_eq!((feed.inputs.len, feed.rows), (feed.resident * 7, count));
            assert!(feed.full.is_some());
            assert_eq!(feed.tail.is_some(), !count.is_multiple_of(feed.batch));
            (feed.resident, feed.streamed, feed.order.len)
        };
        let order = |max_binding: usize| max_binding.min(ORDER_ROWS);
        assert_eq!(of(1000, 1 << 30), (1000, false, ORDER_ROWS));
        assert_eq!(of(1000, 7000), (1000, false, order(7000)));
        assert_eq!(of(1000, 6999), (996, true, order(6999)));
        assert_eq!(of(1000, 6971), (992, true, order(6971)));
        assert_eq!(of(1001, 7000), (1000, true, order(7000)));
        assert_eq!(of(3, 1 << 20), (3, false, ORDER_ROWS));
    }

    #[test]
    fn texts_are_resident_where_their_words_fit_whatever_the_longest_is() {
        let mut lengths = vec![1; 1000];
        lengths[500] = 1000;
        let of = |max_binding: usize| {
            let feed = feeds(&classifier(20, 2), &texts(&lengths), max_binding).remove(0);
            (feed.resident, feed.streamed, feed.inputs.len)
        };
        // 1,999 words, and 2,000 numbers of where they are.
        assert_eq!(of(1 << 20), (1000, false, 1999));
        assert_eq!(of(2000), (1000, false, 1999));
        assert_eq!(of(1999), (4, true, 1999));
        let mut long = vec![2; 1000];
        long[500] = 1000;
        let feed = feeds(&classifier(20, 2), &texts(&long), 2998).remove(0);
        assert_eq!((feed.resident, feed.streamed), (1000, false));
        let feed = feeds(&classifier(20, 2), &texts(&long), 2997).remove(0);
        assert_eq!((feed.resident, feed.streamed), (4, true));
    }

    /// A batch of texts is recorded by its words, and what is profiled is one of the usual size.
    #[test]
    fn batches_of_texts_have_routines_by_their_words() {
        let lengths: Vec<usize> = (0..43).map(|row| if row % 20 == 7 { 31 } else { 1 }).collect();
        let feed = feeds(&classifier(20, 2), &texts(&lengths), 1 << 20).remove(0);
        let ragged = feed.ragged.expect("rows of different lengths");
        assert_eq!(ragged.spans.len, 86);
        assert!(ragged.sizes.len() > 2);
        assert!(ragged.sizes.iter().all(|size| size.full.is_some() && size.tail.is_some()));
        // 103 words in 43 rows: a batch has 9.6, and the largest size below twice as many is taken.
        let usual = ragged.sizes.iter().rfind(|size| size.words <= 19);
        assert_eq!(feed.full.map(|id| id.0), usual.and_then(|size| size.full).map(|id| id.0));
        assert!(
            ragged.sizes.iter().any(|size| size.words > 60),
            "for both long texts in one batch"
        );
        let whole = feeds(&classifier(20, 2), &texts(&lengths[..40]), 1 << 20).remove(0);
        let sizes = whole.ragged.expect("rows of different lengths").sizes;
        assert!(sizes.iter().all(|size| size.full.is_some() && size.tail.is_none()));
    }

    fn request<'a>(model: &'a Model, feeds: &'a [FeedSpec], optimizer: Optimizer) -> Request<'a> {
        Request {
            model,
            feeds,
            optimizer: Some(optimizer),
            clip: None,
            micro_batch: None,
            recompute: false,
            label_smoothing: 0.0,
            sampled_classes: None,
            augment: None,
            seed: 1,
            keep_best: false,
            frozen: 0,
            fusions: Fusions::ALL,
            max_binding: 1 << 30,
            fewer_rows: &[],
        }
    }

    fn spec(model: &Model, dataset: &Dataset, batch: usize) -> FeedSpec {
        FeedSpec::new(model, dataset, batch, Purpose::Training).expect("they go together")
    }

    /// Rows of a table are updated one by one where the optimizer can, few of them are named, and nothing reads the whole
    /// gradient.
    #[test]
    fn a_table_is_updated_by_rows_where_that_pays_and_changes_nothing() {
        let adam = Optimizer::default();
        let whole = crate::optimizers::Sgd::default().into();
        let model = classifier(5000, 16);
        let table = Some((5000, 16));
        let padded = Inputs::Ids { values: vec![1; 64 * 4], length: 4 };
        let targets = Targets::Values { width: 1, values: vec![1.0; 64] };
        let padded = Dataset::new(padded, targets, "ids").expect("ids");
        let fixed = [spec(&model, &padded, 32)];
        let lazy = |change: &dyn Fn(&mut Request<'_>), table| {
            let mut request = request(&model, &fixed, adam);
            change(&mut request);
            request.lazy_table(table, 32)
        };
        assert_eq!(lazy(&|_| (), table), table);
        assert_eq!(lazy(&|_| (), None), None);
        assert_eq!(lazy(&|r| r.optimizer = None, table), None);
        assert_eq!(lazy(&|r| r.optimizer = Some(whole), table), None);
        assert_eq!(lazy(&|r| r.fusions = Fusions::NONE, table), None);
        assert_eq!(lazy(&|r| r.frozen = 1, table), None);
        assert_eq!(lazy(&|r| r.micro_batch = Some(8), table), None);
        assert_eq!(lazy(&|r| r.clip = Some(Clip::Value(1.0)), table), None);
        assert_eq!(lazy(&|r| r.micro_batch = Some(32), table), table);
        // 128 positions: a table so small has its gradient as a whole, and one of fewer than 32 rows is named all over.
        assert_eq!(lazy(&|_| (), Some((256, 16))), None);
        assert_eq!(lazy(&|_| (), Some((257, 16))), Some((257, 16)));
        assert_eq!(lazy(&|_| (), Some((32, 1000))), Some((32, 1000)));
        assert_eq!(lazy(&|_| (), Some((31, 1000))), None);
        // Both the table's numbers of steps and the gradient of a batch lie in one binding.
        assert_eq!(lazy(&|r| r.max_binding = 5000, table), table);
        assert_eq!(lazy(&|r| r.max_binding = 4999, table), None);
        assert_eq!(lazy(&|r| r.max_binding = 12_800, Some((5000, 100))), Some((5000, 100)));
        assert_eq!(lazy(&|r| r.max_binding = 12_799, Some((5000, 100))), None);

        // Of texts, by what a batch has in the mean: 8 words here, of 32 texts 256, of which most have 1,000 at most.
        let mut lengths = vec![8; 62];
        lengths.extend([1, 15]);
        let ragged = texts(&lengths);
        let ragged = [spec(&model, &ragged, 32)];
        let of = |table, max_binding| {
            let request = Request { max_binding, ..request(&model, &ragged, adam) };
            request.lazy_table(table, 32)
        };
        assert_eq!(of(Some((64, 2)), 1 << 20), Some((64, 2)));
        assert_eq!(of(Some((63, 2)), 1 << 20), None);
        assert_eq!(of(Some((64, 10)), 2630), Some((64, 10)));
        assert_eq!(of(Some((64, 10)), 2629), None);
    }

    #[test]
    fn gradients_are_added_up_where_a_batch_is_taken_in_parts() {
        let model = line(3);
        let dataset = rows(40, 3);
        let feeds = [spec(&model, &dataset, 16)];
        let of = |micro_batch, clip| {
            let request =
                Request { micro_batch, clip, ..request(&model, &feeds, Optimizer::default()) };
            (request.accumulates(), request.needs_gradients(), request.part(&feeds[0]))
        };
        assert_eq!(of(None, None), (false, false, 16));
        assert_eq!(of(None, Some(Clip::Norm(1.0))), (false, true, 16));
        assert_eq!(of(Some(15), None), (true, true, 15));
        assert_eq!(of(Some(16), None), (false, false, 16));
        assert_eq!(of(Some(99), None), (false, false, 16));
    }
}
