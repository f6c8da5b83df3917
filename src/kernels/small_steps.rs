//! Many whole training steps of a small model in one dispatch: weights, moments, gradients and the
//! batch's values stay in one workgroup's memory ([`ROOM`] numbers). The general path takes eight
//! dispatches a step for the tutorial's model, each of which costs more than its work.
//!
//! A step computes what the kernels of the general path compute, and gives their results up to f32's
//! rounding; sums have one fixed order. Two kernels from one shader: [`ids`] (u32) and [`matrix`].

use super::adam::Rule;
#[cfg(feature = "unstable")]
use super::case::*;
use super::state::{CURSOR, EPOCH_ROWS, LAST_SLOT, LAYERS, SLOT, STEP, TABLE_ROWS};
use super::{Activation, Adapter, MAX_LOOP_ITERATIONS, Real, first_largest};

/// Numbers that fit a workgroup's memory: four times the weights and twice the batch's values.
pub const ROOM: usize = 3840;

/// Steps of one dispatch at most.
const STEPS: usize = 256;

/// Steps of `batch` rows that one dispatch may do, and 0 where not even one: the loops of an
/// invocation may be entered [`MAX_LOOP_ITERATIONS`] times on a software adapter. What is counted
/// follows the shader line by line; tests/small_steps.rs holds it there.
pub fn steps_at_once(layers: &[Layer], batch: usize, weights: usize, table_rows: usize) -> usize {
    // A loop of n iterations is entered n + 1 times: once more to find that it is over.
    let repeat = |iterations: usize, inside: usize| 1 + iterations * (1 + inside);
    // The elements of a loop over lanes are shared by at least eight invocations.
    let shared = |elements: usize, inside: usize| repeat(elements.div_ceil(8), inside);
    let forward_and_backward = |layer: &Layer| match layer.embeds {
        true => {
            let positions = batch * layer.reads;
            let sums = repeat(table_rows, 0) + repeat(positions, 0);
            shared(positions * layer.units, 0) + shared(layer.units, sums)
        }
        false => {
            shared(batch * layer.units, repeat(layer.reads, 0))
                + shared((layer.reads + 1) * layer.units, repeat(batch, 0))
                + shared(batch * layer.reads, repeat(layer.units, 0))
        }
    };
    let outputs = layers.last().map_or(0, |layer| layer.units);
    let inputs = layers.first().map_or(0, |layer| layer.reads);
    // A row of categories takes three loops over its outputs, other losses one over all elements.
    let loss = shared(batch, 3 * repeat(outputs, 0)) + shared(batch * outputs, 0);
    let invocations = 64;
    let step = shared(batch * inputs, 0)
        + 2 * repeat(layers.len(), 0)
        + layers.iter().map(forward_and_backward).sum::<usize>()
        + loss
        + shared(weights, 0)
        + repeat(invocations, 0);
    // Both ends of a dispatch copy weights, moments and gradients.
    let ends = 2 * shared(4 * weights, 0) + repeat(0, 0);
    ((MAX_LOOP_ITERATIONS as usize).saturating_sub(ends) / (1 + step)).min(STEPS)
}

/// Words of a layer in `state`.
pub const LAYER_WORDS: usize = 6;

/// The losses that the kernel knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Loss {
    /// As [`super::binary_crossentropy`].
    BinaryCrossentropy = 0,
    /// As [`super::categorical_crossentropy`].
    CategoricalCrossentropy = 1,
    /// As [`super::mse`].
    Mse = 2,
}

/// A layer, as `state` holds it.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// An embedding of each id of a row; else dense.
    pub embeds: bool,
    /// Inputs of a row: values, or ids.
    pub reads: usize,
    /// Units, of each id where it embeds.
    pub units: usize,
    /// The last layer's is applied by the loss.
    pub activation: Activation,
    /// Where its weights begin.
    pub weights: usize,
    /// Where its outputs lie, in the kernel's memory.
    pub output: usize,
}

impl Layer {
    /// Its words in `state`.
    pub fn words(&self) -> [u32; LAYER_WORDS] {
        let numbers =
            [self.reads, self.units, self.activation.code() as usize, self.weights, self.output];
        let [reads, units, activation, weights, output] = numbers.map(|number| number as u32);
        [!self.embeds as u32, reads, units, activation, weights, output]
    }

    fn read(words: &[u32]) -> Layer {
        Layer {
            embeds: words[0] == 0,
            reads: words[1] as usize,
            units: words[2] as usize,
            activation: Activation::from_code(words[3]),
            weights: words[4] as usize,
            output: words[5] as usize,
        }
    }

    /// Values of a row that it gives.
    pub fn gives(&self) -> usize {
        if self.embeds { self.reads * self.units } else { self.units }
    }
}

/// The element type of an input binding in a reference.
macro_rules! kernel_input {
    (u32 $T:ident) => {
        u32
    };
    (f32 $T:ident) => {
        $T
    };
}

macro_rules! small_steps {
    ($element:ident, $ids:literal, $id:expr, $value:expr, $embeds:literal, $benches:expr) => {
        kernel! {
            name: "small_steps",
            params: {
                /// Rows of a batch.
                batch: u32,
                /// Elements of an input row.
                input_width: u32,
                /// Elements of a target row; 0 where the inputs are the targets.
                target_width: u32,
                /// Layers that stand in `state`.
                layers: u32,
                /// Weights, with those that fill gaps.
                weights: u32,
                /// Values of a batch, with the batch itself where it is a matrix.
                values: u32,
                /// [`Loss`].
                loss: u32,
                /// 1: [`super::super::sgd`], with the momentum as `beta_1`; 0: [`super::super::adam`].
                sgd: u32,
                /// Decay of the first moment.
                beta_1: f32,
                /// Decay of the second moment.
                beta_2: f32,
                /// 1 - beta_1, rounded once.
                complement_1: f32,
                /// 1 - beta_2, rounded once.
                complement_2: f32,
                /// Added to the root of the second moment.
                epsilon: f32,
                /// Steps of this dispatch at most ([`steps_at_once`]).
                steps: u32,
            },
            bindings: {
                /// The counters, and the model from [`LAYERS`] on.
                state: write u32,
                /// Row numbers in the order in which the epochs take them.
                order: read u32,
                /// `[all rows, input_width]`
                inputs: read $element,
                /// `[all rows, target_width]`
                targets: read f32,
                /// `[slots]`: the rate of each step.
                schedule: read f32,
                /// `[4, weights]`: weights, first moments, second moments, gradients.
                arena: write f32,
                /// `[slots, 2]`: sums of losses and of what is right.
                history: write f32,
            },
            variants: [
                "group": {
                    source: &[$ids, "const GROUP: u32 = 64u;\n", wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("small_steps.wgsl")],
                    workgroups: |_| [1, 1, 1],
                },
                // One vector of a CPU that plays lanes: its barriers cost nothing.
                "vector": {
                    source: &[$ids, "const GROUP: u32 = 8u;\n", wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("small_steps.wgsl")],
                    workgroups: |_| [1, 1, 1],
                },
            ],
            choose: |_, adapter| match adapter {
                Adapter::Hardware => "group",
                Adapter::Software { .. } => "vector",
            },
            reference: reference,
            case: case,
            benches: $benches,
        }

        /// Tests and benches: see `case.rs`.
        #[cfg(feature = "unstable")]
        fn case(c: &mut Case, sizes: Sizes) -> Dispatch {
            let s = Small::new(c, sizes, $embeds);
            let bindings = Bindings {
                state: c.words(s.state.clone()),
                order: c.words(s.order.clone()),
                inputs: s.inputs(c, $embeds),
                targets: c.classes(s.epoch * s.outputs, 2),
                schedule: c.reals(vec![1e-2; s.slots]),
                arena: c.draw(4 * s.weights, |rng, i| match i / s.weights {
                    2 => rng.random_range(0.1..1.0),
                    _ => rng.random_range(-0.5..0.5),
                }),
                history: c.output(s.slots * 2, summed(100)),
            };
            c.expect(bindings.arena, summed(100));
            c.expect(bindings.state, 0.0);
            if c.is_bench() {
                Small::rewind(c, bindings.state);
            }
            let params = Params {
                batch: s.batch as u32,
                input_width: s.width as u32,
                target_width: s.outputs as u32,
                layers: s.layers as u32,
                weights: s.weights as u32,
                values: s.values as u32,
                loss: s.loss,
                sgd: s.sgd,
                beta_1: 0.9,
                beta_2: 0.999,
                complement_1: 0.1,
                complement_2: 0.001,
                epsilon: 1e-7,
                steps: s.steps as u32,
            };
            dispatch(params, bindings)
        }

        #[allow(clippy::too_many_arguments)]
        fn reference<T: Real>(
            p: &Params,
            state: &mut [u32],
            order: &[u32],
            inputs: &[kernel_input!($element T)],
            targets: &[T],
            schedule: &[T],
            arena: &mut [T],
            history: &mut [T],
        ) {
            let (width, target_width) = (p.input_width as usize, p.target_width as usize);
            let layers = state[LAYERS..].chunks_exact(LAYER_WORDS).take(p.layers as usize);
            let mut run = Steps {
                layers: layers.map(Layer::read).collect(),
                table_rows: state[TABLE_ROWS] as usize,
                weights: p.weights as usize,
                loss: p.loss,
                sgd: p.sgd == 1,
                adam: Rule::new([p.beta_1, p.beta_2], [p.complement_1, p.complement_2], p.epsilon),
                values: vec![T::ZERO; p.values as usize],
                gradients: vec![T::ZERO; p.values as usize],
                ids: Vec::new(),
                targets: Vec::new(),
            };
            let epoch_rows = state[EPOCH_ROWS] as usize;
            let last = state[LAST_SLOT].min(state[SLOT] + p.steps);
            while state[SLOT] < last {
                let (cursor, slot) = (state[CURSOR] as usize, state[SLOT] as usize);
                let rows = (p.batch as usize).min(epoch_rows - cursor % epoch_rows);
                run.ids.clear();
                run.targets.clear();
                for (r, &row) in order[cursor..cursor + rows].iter().enumerate() {
                    let row = row as usize;
                    let input = &inputs[row * width..][..width];
                    let id: fn(kernel_input!($element T)) -> Option<usize> = $id;
                    run.ids.extend(input.iter().filter_map(|&input| id(input)));
                    let value: fn(kernel_input!($element T)) -> Option<T> = $value;
                    let given = input.iter().filter_map(|&input| value(input));
                    run.values[r * width..].iter_mut().zip(given).for_each(|(to, from)| *to = from);
                    run.targets.extend_from_slice(&targets[row * target_width..][..target_width]);
                }
                let total = run.step(rows, schedule[slot], arena);
                history[2 * slot..][..2].copy_from_slice(&total);
                state[CURSOR] += rows as u32;
                state[STEP] += 1;
                state[SLOT] += 1;
            }
        }
    };
}

/// Inputs are ids.
pub mod ids {
    use super::*;
    small_steps!(
        u32,
        "const IDS: bool = true;\n",
        |id| Some(id as usize),
        |_| None,
        true,
        [("steps of 8 x 4 x 8 x 1", [8, 4, 8, 0])]
    );
}

/// Inputs are a matrix.
pub mod matrix {
    use super::*;
    small_steps!(
        f32,
        "const IDS: bool = false;\n",
        |_| None,
        Some,
        false,
        [("steps of 8 x 8 x 8 x 1", [8, 8, 8, 0])]
    );
}

/// The reference's memory: the shader's, with the places of outputs counted from the values' first.
struct Steps<T> {
    layers: Vec<Layer>,
    table_rows: usize,
    weights: usize,
    loss: u32,
    sgd: bool,
    /// With the momentum as its first decay where `sgd`.
    adam: Rule<T>,
    values: Vec<T>,
    gradients: Vec<T>,
    ids: Vec<usize>,
    targets: Vec<T>,
}

impl<T: Real> Steps<T> {
    /// Where a layer's outputs begin among the values.
    fn output(&self, layer: &Layer) -> usize {
        layer.output - 4 * self.weights
    }

    /// Where layer `l` reads among the values.
    fn input(&self, l: usize) -> usize {
        l.checked_sub(1).map_or(0, |before| self.output(&self.layers[before]))
    }

    /// One step; returns the sums of losses and of what is right.
    fn step(&mut self, rows: usize, rate: T, arena: &mut [T]) -> [T; 2] {
        let (weights, rest) = arena.split_at_mut(self.weights);
        let (first, rest) = rest.split_at_mut(self.weights);
        let (second, gradients) = rest.split_at_mut(self.weights);
        for l in 0..self.layers.len() {
            self.forward(l, rows, weights);
        }
        let total = self.losses(rows);
        for l in (0..self.layers.len()).rev() {
            self.backward(l, rows, weights, gradients);
        }
        let (adam, sgd) = (self.adam, self.sgd);
        super::vectorised(
            #[inline(always)]
            || {
                if !sgd {
                    return adam.steps(rate, gradients, [weights, first, second]);
                }
                for ((weight, &g), velocity) in weights.iter_mut().zip(&*gradients).zip(first) {
                    *velocity = (adam.betas[0] * *velocity - rate * g).flushed();
                    *weight += *velocity;
                }
            },
        );
        total
    }

    fn forward(&mut self, l: usize, rows: usize, weights: &[T]) {
        let layer = self.layers[l];
        let (input, output, units) = (self.input(l), self.output(&layer), layer.units);
        if layer.embeds {
            for (p, &id) in self.ids.iter().enumerate() {
                let row = &weights[layer.weights + id * units..][..units];
                self.values[output + p * units..][..units].copy_from_slice(row);
            }
            return;
        }
        let is_last = l + 1 == self.layers.len();
        let activation = if is_last { Activation::Linear } else { layer.activation };
        let (kernel, bias) =
            weights[layer.weights..][..(layer.reads + 1) * units].split_at(layer.reads * units);
        // Outputs lie behind what they are computed from.
        let (before, outputs) = self.values.split_at_mut(output);
        let outputs = &mut outputs[..rows * units];
        for (row, z) in outputs.chunks_exact_mut(units).enumerate() {
            let x = &before[input + row * layer.reads..][..layer.reads];
            if units == 1 {
                z[0] = super::vectorised(
                    #[inline(always)]
                    || super::dot(x, kernel),
                ) + bias[0];
                continue;
            }
            z.fill(T::ZERO);
            for (&x, w) in x.iter().zip(kernel.chunks_exact(units)) {
                z.iter_mut().zip(w).for_each(|(z, &w)| *z += x * w);
            }
            z.iter_mut().zip(bias).for_each(|(z, &b)| *z += b);
        }
        activation.apply_all(outputs);
    }

    fn losses(&mut self, rows: usize) -> [T; 2] {
        let layer = self.layers[self.layers.len() - 1];
        let (at, outputs) = (self.output(&layer), layer.units);
        let mut totals = [T::ZERO; 2];
        let one = |is: bool| if is { T::ONE } else { T::ZERO };
        let count = T::from_usize(rows * outputs);
        for row in 0..rows {
            let z = &self.values[at + row * outputs..][..outputs];
            let d = &mut self.gradients[at + row * outputs..][..outputs];
            let y: Vec<T> = match self.targets.len() / rows {
                0 => self.values[row * outputs..][..outputs].to_vec(),
                1 if outputs > 1 => {
                    let class = self.targets[row].to_f32() as usize;
                    (0..outputs).map(|j| one(j == class)).collect()
                }
                width => self.targets[row * width..][..width].to_vec(),
            };
            if self.loss == Loss::CategoricalCrossentropy as u32 {
                let (answer, truth) = (first_largest(z), first_largest(&y));
                let largest = z[answer];
                let normalizer: T = z.iter().map(|&z| (z - largest).exp()).sum();
                let weight: T = y.iter().copied().sum();
                let inner: T = y.iter().zip(z).map(|(&y, &z)| y * (z - largest)).sum();
                for ((d, &z), &y) in d.iter_mut().zip(z).zip(&y) {
                    let probability = (z - largest).exp() / normalizer;
                    *d = (probability * weight - y) / T::from_usize(rows);
                }
                totals[0] += normalizer.ln() * weight - inner;
                totals[1] += one(answer == truth);
                continue;
            }
            for ((d, &z), &y) in d.iter_mut().zip(z).zip(&y) {
                if self.loss == Loss::BinaryCrossentropy as u32 {
                    totals[0] += z.logistic_loss(y);
                    totals[1] += one((z > T::ZERO) == (y > T::from_f32(0.5)));
                    *d = (z.sigmoid() - y) / count;
                } else {
                    let p = layer.activation.apply(z);
                    totals[0] += (p - y) * (p - y);
                    let scale = T::from_f32(2.0) / count * layer.activation.derivative(p);
                    *d = (p - y) * scale;
                }
            }
        }
        totals
    }

    fn backward(&mut self, l: usize, rows: usize, weights: &[T], gradients: &mut [T]) {
        let layer = self.layers[l];
        let (input, output, units) = (self.input(l), self.output(&layer), layer.units);
        if layer.embeds {
            let gradient = &mut gradients[layer.weights..][..self.table_rows * units];
            gradient.fill(T::ZERO);
            for (p, &id) in self.ids.iter().enumerate() {
                let d = &self.gradients[output + p * units..][..units];
                gradient[id * units..][..units].iter_mut().zip(d).for_each(|(g, &d)| *g += d);
            }
            return;
        }
        let reads = layer.reads;
        let (d_before, d_output) = self.gradients.split_at_mut(output);
        let d_output = &d_output[..rows * units];
        let gradient = &mut gradients[layer.weights..][..(reads + 1) * units];
        gradient.fill(T::ZERO);
        let (kernel, bias) = gradient.split_at_mut(reads * units);
        for (row, d) in d_output.chunks_exact(units).enumerate() {
            let x = &self.values[input + row * reads..][..reads];
            if units == 1 {
                kernel.iter_mut().zip(x).for_each(|(g, &x)| *g += x * d[0]);
            } else {
                for (g, &x) in kernel.chunks_exact_mut(units).zip(x) {
                    g.iter_mut().zip(d).for_each(|(g, &d)| *g += x * d);
                }
            }
            bias.iter_mut().zip(d).for_each(|(g, &d)| *g += d);
        }
        let Some(before) = l.checked_sub(1).map(|before| self.layers[before]) else { return };
        let activation = if before.embeds { Activation::Linear } else { before.activation };
        let kernel = &weights[layer.weights..][..reads * units];
        let d_input = &mut d_before[input..][..rows * reads];
        for (d_input, d) in d_input.chunks_exact_mut(reads).zip(d_output.chunks_exact(units)) {
            if units == 1 {
                d_input.iter_mut().zip(kernel).for_each(|(to, &w)| *to = d[0] * w);
            } else {
                for (to, w) in d_input.iter_mut().zip(kernel.chunks_exact(units)) {
                    *to = d.iter().zip(w).map(|(&d, &w)| d * w).sum();
                }
            }
        }
        activation.scale_by_derivative(d_input, &self.values[input..][..rows * reads]);
    }
}

/// What a case is made of: a small model and a run of it.
#[cfg(feature = "unstable")]
struct Small {
    batch: usize,
    width: usize,
    outputs: usize,
    layers: usize,
    weights: usize,
    values: usize,
    loss: u32,
    sgd: u32,
    /// Rows of the data.
    epoch: usize,
    /// Slots of the history, with those before the run.
    slots: usize,
    /// Steps of the dispatch at most.
    steps: usize,
    /// Rows of the embedding.
    table: usize,
    state: Vec<u32>,
    order: Vec<u32>,
}

#[cfg(feature = "unstable")]
impl Small {
    /// In tests layers of 3 and of up to 4 units, behind an embedding or not, for two epochs that end in a ragged batch;
    /// the order begins with the second row. In a bench as many steps over `a` rows as one dispatch does, of an embedding
    /// or a dense layer and one unit.
    fn new(c: &mut Case, [a, b, units, code]: Sizes, embeds: bool) -> Small {
        let is_bench = c.is_bench();
        let [batch, width, units] = match is_bench {
            true => [a, b, units],
            false => [1 + a % 7, 1 + b % 6, 1 + units % 5],
        };
        let (outputs, table) = if is_bench { (1, 20) } else { (1 + (code / 3) % 4, 11) };
        let layer = |embeds, reads, units, activation| Layer {
            embeds,
            reads,
            units,
            activation,
            weights: 0,
            output: 0,
        };
        let mut layers = Vec::new();
        let mut reads = width;
        if embeds {
            layers.push(layer(true, width, units, Activation::Linear));
            reads = width * units;
        }
        if !is_bench || !embeds {
            let units = if is_bench { units } else { 3 };
            layers.push(layer(false, reads, units, Activation::ALL[code % 5]));
            reads = units;
        }
        layers.push(layer(false, reads, outputs, Activation::Sigmoid));
        let (mut weights, mut values) = (0, if embeds { 0 } else { batch * width });
        for layer in &mut layers {
            layer.weights = weights;
            let rows = if layer.embeds { table } else { layer.reads + 1 };
            weights += (rows * layer.units).next_multiple_of(64);
        }
        for layer in &mut layers {
            layer.output = 4 * weights + values;
            values += batch * layer.gives();
        }
        debug_assert!(4 * weights + 2 * values <= ROOM, "{weights} weights, {values} values");
        let dense = layers.iter().filter(|layer| !layer.embeds);
        let products: usize = dense.map(|layer| layer.reads * layer.units).sum();
        let steps = steps_at_once(&layers, batch, weights, table);
        c.computes(steps * batch * products * 6);
        let (epoch, slots) = match is_bench {
            true => (batch, steps),
            false => {
                let epoch = 2 * batch + 1 + a % 2;
                (epoch, 1 + 2 * epoch.div_ceil(batch))
            }
        };
        let (mut state, order) = match is_bench {
            true => {
                let order = (0..steps * batch).map(|i| i % batch);
                (vec![0, 0, 0, 0, 0, 0, u32::MAX, epoch as u32], order.collect::<Vec<_>>())
            }
            false => {
                let order = (0..2 * epoch).map(|i| (i * 7 + 1) % epoch);
                (vec![0, 5, 1, 0, 0, 0, slots as u32, epoch as u32], order.collect())
            }
        };
        state.push(table as u32);
        state.extend(layers.iter().flat_map(Layer::words));
        Small {
            batch,
            width,
            outputs,
            layers: layers.len(),
            weights,
            values,
            loss: (code % 3) as u32,
            sgd: (code % 2) as u32,
            epoch,
            slots,
            steps,
            table,
            state,
            order: order.into_iter().map(|row| row as u32).collect(),
        }
    }

    /// The rows: ids or values.
    fn inputs(&self, c: &mut Case, embeds: bool) -> Span {
        let count = self.epoch * self.width;
        if embeds { c.ids(count, self.table) } else { c.random(count, 1.0) }
    }

    /// Sets the counters to 0 before each run of a bench.
    fn rewind(c: &mut Case, steps: Span) {
        use super::embedding_stamp::{Bindings, Params, dispatch};
        let bindings = Bindings { state: c.state(0, 0), ids: c.words(vec![0]), steps };
        c.precede(dispatch(Params { count: LAST_SLOT as u32, all: 1 }, bindings));
    }
}
