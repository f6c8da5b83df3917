//! Sampled softmax: a dense layer that ends a classifier of very many classes learns, in each step, from some of them alone,
//! the candidates: the classes of the batch's rows, and one of each of so many ranges of the classes, drawn anew.
//!
//! The candidates are sorted, so that equal ones stand side by side (of which the last counts), and their columns of the
//! weights are gathered into a small dense layer, whose products are those of `dense.rs`. To a candidate j's logit -ln q_j
//! is added, q_j the probability that a batch's candidates hold j: with it the softmax over the candidates has its least
//! where the softmax over all classes has (Bengio and Senecal 2008; Jean et al. 2015, equation 8), the more exactly the more
//! are drawn. Its gradient is scattered into that of all weights, and the optimizer takes it as any other.
//!
//! In an evaluation and in a prediction the layer is the dense layer that it is.

use super::dense::{Affine, gradient_of_columns, gradient_to, parts_len};
use super::plan::{Operation, Purpose};
use super::record::{At, Piece, Step};
use super::sort::Sort;
use super::{Group, Shape};
use crate::kernels::*;
use crate::program::Program;

/// The stream of random bits that draws take; noise, augmentation and dropout layers take their own.
const STREAM: u32 = 0x6361_6e64;

/// What a batch's candidates need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidates {
    /// Classes.
    classes: usize,
    /// Width of what the layer reads.
    inputs: usize,
    /// Places for the classes of a batch's rows, or of those that are taken at once.
    places: usize,
    /// Candidates that are drawn.
    drawn: usize,
    /// `[rows, stride]`: the batch's targets, the class first.
    targets: Span,
    stride: usize,
    /// `[classes]`: what [`Candidates::offsets_of`] says, which the host writes.
    pub offsets: Span,
    /// `[count]`
    ids: Span,
    sort: Sort,
    /// `[places]`
    slots: Span,
    /// `[inputs + 1, count]`: the candidates' columns and, where they are learned, their gradient.
    taken: Span,
    d_taken: Span,
}

impl Candidates {
    /// Buffers for `drawn` of `classes` classes beside those of `places` rows, whose `targets` have `stride` numbers each.
    pub fn new(
        program: &mut Program,
        [classes, inputs]: [usize; 2],
        [places, drawn]: [usize; 2],
        (targets, stride): (Span, usize),
    ) -> Candidates {
        let count = places + drawn;
        Candidates {
            classes,
            inputs,
            places,
            drawn,
            targets,
            stride,
            offsets: program.buffer("class offsets", Element::F32, classes),
            ids: program.buffer("candidates", Element::U32, count),
            sort: Sort::new(program, count),
            slots: program.buffer("candidate slots", Element::F32, places),
            taken: program.buffer("candidate weights", Element::F32, (inputs + 1) * count),
            d_taken: program.buffer("candidate gradients", Element::F32, (inputs + 1) * count),
        }
    }

    /// Candidates of a step.
    pub fn count(&self) -> usize {
        self.places + self.drawn
    }

    /// The sorted candidates.
    fn sorted(&self) -> Span {
        self.sort.sorted(self.classes)[0]
    }

    /// Records where the classes of `targets`, one for each row, are among the candidates; returns these places.
    pub fn slots_of(&self, targets: Span, step: &mut Step<'_>) -> Span {
        let slots = self.slots.part(0, step.rows);
        let params = candidate_slots::Params { rows: step.rows as u32, count: self.count() as u32 };
        let bindings = candidate_slots::Bindings { targets, candidates: self.sorted(), slots };
        step.push(candidate_slots::dispatch(params, bindings));
        slots
    }

    /// What is added to the logit of each class: -ln q, q the probability that the candidates of a step hold it, for
    /// classes of which the rows have these counts.
    pub fn offsets_of(&self, counts: &[u64]) -> Vec<f32> {
        offsets(counts, self.places, self.drawn)
    }

    /// The candidates' weights as a layer's whole weights: they have a bias, whether the layer has one or not.
    fn piece(&self) -> Piece {
        Piece {
            segment: 0,
            offset: 0,
            len: self.taken.len,
            first: 0,
            rows: self.inputs,
            bias: true,
            group: Group::Kernel,
            is_statistics: false,
        }
    }
}

/// As [`Candidates::offsets_of`], for `places` rows a step and `drawn` draws.
fn offsets(counts: &[u64], places: usize, drawn: usize) -> Vec<f32> {
    let rows = counts.iter().sum::<u64>().max(1) as f64;
    let mut offsets = Vec::with_capacity(counts.len());
    for range in 0..drawn {
        let [first, count] = candidate_draw::range(range, drawn, counts.len());
        for &own in &counts[first..first + count] {
            // ln of the probabilities that it is not drawn, and that none of the rows has it.
            let undrawn = (-1.0 / count as f64).ln_1p();
            let unseen = places as f64 * (-(own as f64) / rows).ln_1p();
            let held = -(undrawn + unseen).exp_m1();
            offsets.push(-held.ln() as f32);
        }
    }
    offsets
}

/// activation(x W + b) that learns from candidates.
#[derive(Debug)]
pub(crate) struct SampledAffine {
    pub dense: Affine,
    pub candidates: Candidates,
}

impl Operation for SampledAffine {
    fn gradient_parts(&self, rows: usize, input: Shape, _: &[Piece]) -> usize {
        parts_len(rows, input.width(), self.candidates.count(), &self.candidates.piece())
    }

    fn forward(&self, at: &At<'_>, step: &mut Step<'_>) -> Activation {
        if step.purpose != Purpose::Training {
            return self.dense.forward(at, step);
        }
        let own = &self.candidates;
        let (classes, count) = (own.classes as u32, own.count() as u32);
        let params = candidate_draw::Params {
            rows: step.rows as u32,
            places: own.places as u32,
            drawn: own.drawn as u32,
            classes,
            stride: own.stride as u32,
            first: (step.first / own.places * own.drawn) as u32,
            seed: random::fold_seed(step.space.seed),
            stream: STREAM,
        };
        let (state, targets, candidates) = (step.space.state, own.targets, own.ids);
        let bindings = candidate_draw::Bindings { state, targets, candidates };
        step.push(candidate_draw::dispatch(params, bindings));
        let [candidates, _] = own.sort.record(own.ids, count, own.classes, &mut step.dispatches);
        let pieces = step.pieces(at.layer);
        for (n, piece) in pieces.iter().enumerate() {
            let params = candidate_gather::Params {
                rows: piece.rows as u32,
                first: piece.first as u32,
                classes,
                count,
                ends: (n + 1 == pieces.len()) as u32,
                bias: piece.bias as u32,
            };
            let (weights, offsets, taken) = (step.weights(piece), own.offsets, own.taken);
            let bindings = candidate_gather::Bindings { weights, offsets, candidates, taken };
            step.push(candidate_gather::dispatch(params, bindings));
        }
        let params = dense_forward::Params {
            rows: step.rows as u32,
            inputs: own.inputs as u32,
            units: count,
            activation: Activation::Linear.code(),
            stride: at.inputs[0].shape.width() as u32,
            first: 0,
            adds: 0,
            bias: 1,
        };
        let (input, weights, output) = (at.inputs[0].span, own.taken, at.output);
        let bindings = dense_forward::Bindings { input, weights, output };
        step.push(dense_forward::dispatch(params, bindings));
        Activation::Linear
    }

    fn backward(
        &self,
        at: &At<'_>,
        d_output: Span,
        d_inputs: &[Option<Span>],
        step: &mut Step<'_>,
    ) {
        let own = &self.candidates;
        let (units, input) = (own.count(), at.inputs[0]);
        if let Some(d_input) = d_inputs[0] {
            gradient_of_columns(&own.piece(), units, input, [own.taken, d_output, d_input], step);
        }
        if !step.space.places.learns(at.layer) {
            return;
        }
        let stride = input.shape.width();
        gradient_to(&own.piece(), units, stride, [input.span, d_output, own.d_taken], step);
        for piece in step.pieces(at.layer) {
            let gradient = step.weight_gradient(piece);
            let params = fill::Params { count: gradient.len as u32, value: 0.0 };
            step.push(fill::dispatch(params, fill::Bindings { values: gradient }));
            let params = candidate_scatter::Params {
                rows: (piece.rows + piece.bias as usize) as u32,
                first: piece.first as u32,
                classes: own.classes as u32,
                count: units as u32,
            };
            let (candidates, d_taken) = (own.sorted(), own.d_taken);
            let bindings = candidate_scatter::Bindings { candidates, d_taken, gradient };
            step.push(candidate_scatter::dispatch(params, bindings));
            step.update_piece(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_how_often_a_batch_holds_the_class() {
        const PLACES: usize = 6;
        const DRAWN: usize = 4;
        const STEPS: u32 = 20_000;
        // Ten classes in ranges of 3, 3, 2 and 2, of which half of the rows have one and two have none.
        let counts = [50, 10, 10, 0, 5, 5, 10, 5, 5, 0];
        let rows: Vec<f32> = (0..10)
            .flat_map(|class| std::iter::repeat_n(class as f32, counts[class] as usize))
            .collect();
        let mut held = [0; 10];
        for step in 0..STEPS {
            let targets: Vec<f32> = (0..PLACES as u32)
                .map(|place| rows[(random::random_bits(5, 1, step, place) % 100) as usize])
                .collect();
            let undrawn = (0..DRAWN).map(|i| {
                let [first, count] = candidate_draw::range(i, DRAWN, 10);
                let bits = random::random_bits(5, STREAM, step, i as u32);
                (first + bits as usize % count) as f32
            });
            let batch: Vec<f32> = targets.iter().copied().chain(undrawn).collect();
            for (class, held) in held.iter_mut().enumerate() {
                *held += batch.contains(&(class as f32)) as u32;
            }
        }
        for (class, offset) in offsets(&counts, PLACES, DRAWN).into_iter().enumerate() {
            let (found, told) =
                (f64::from(held[class]) / f64::from(STEPS), f64::from(-offset).exp());
            assert!(
                (found - told).abs() < 0.015,
                "class {class}: {found} of the steps, {told} told"
            );
        }
        // As many draws as classes hold them all.
        assert!(offsets(&counts, PLACES, 10).iter().all(|&offset| offset == 0.0));
    }
}
