//! Which values between layers share a buffer: those of which none is read any more when the other is written.
//!
//! Time is the place in a step: operation i of n runs forward at i, the loss (or the store) at n, and operation i runs backward at
//! 2n - i. A value lives from its maker to its last reader, which in training is the backward pass of the first operation that
//! reads it there; its gradient from the first that gives a part of it to its maker's backward pass. Both ends count, so
//! that no dispatch reads and writes one buffer. Evaluation and prediction need each value no longer than forward, and have a
//! layout of their own over the same buffers.
//!
//! Where a run asks for it (`recompute`), what a cheap operation gives is dropped behind its last reader forward, and computed
//! again before its first reader backward: as long as what it is computed of is kept until then anyway.

use crate::kernels::{Element, Span};
use crate::layers::Shape;
use crate::layers::plan::{INPUT, Plan, Purpose, ValueId};
use crate::layers::record::Places;
use crate::program::{ALIGNMENT, Program};

/// What needs a place in a buffer, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// Elements.
    pub len: usize,
    /// When it is written first.
    pub from: usize,
    /// When it is read last.
    pub to: usize,
}

/// What lies where in steps of one kind.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By value: its elements; none for views, and for those that no step makes.
    pub outputs: Vec<Option<Span>>,
    /// By value: where it is computed again for the backward pass; none where it is not.
    pub again: Vec<Option<Span>>,
    /// By value: its gradient; none where nothing before it learns.
    pub gradients: Vec<Option<Span>>,
    /// By value: what its readers behind the first give, for a value that several read.
    pub more_gradients: Vec<Vec<Span>>,
    /// By node: what it keeps beside its output.
    pub scratch: Vec<Option<Span>>,
}

/// How buffers are saved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saving {
    /// Whether values share buffers; each has its own where not.
    pub shares: bool,
    /// Whether what is cheap is computed again.
    pub recomputes: bool,
}

/// What a lifetime is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Output(usize),
    Again(usize),
    Gradient(usize),
    MoreGradient(usize),
    Scratch(usize),
}

/// Gives each lifetime a buffer: its number by lifetime, and the length of each buffer. The longest come first, each into
/// the first buffer in which nothing lives at its time, so that no buffer grows.
fn share(lifetimes: &[Lifetime]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..lifetimes.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lifetimes[i].len), lifetimes[i].from, i));
    let mut buffers: Vec<Vec<usize>> = Vec::new();
    let mut of = vec![0; lifetimes.len()];
    for i in order {
        let own = lifetimes[i];
        let is_apart =
            |&other: &usize| lifetimes[other].to < own.from || lifetimes[other].from > own.to;
        let free = buffers.iter().position(|held| held.iter().all(is_apart));
        of[i] = free.unwrap_or(buffers.len());
        match free {
            Some(buffer) => buffers[buffer].push(i),
            None => buffers.push(vec![i]),
        }
    }
    (of, buffers.iter().map(|held| lifetimes[held[0]].len).collect())
}

/// The lifetimes of a plan's values in steps for these purposes, of up to `batch` rows.
fn lifetimes(
    plan: &Plan,
    purposes: &[Purpose],
    batch: usize,
    places: &Places,
    recomputes: bool,
) -> Vec<(Of, Lifetime)> {
    let (n, trains) = (plan.nodes.len(), purposes.contains(&Purpose::Training));
    let backward = |node: usize| 2 * n - node;
    let last = plan.root(plan.output).0;
    let passes = |node: usize| {
        let passes = |&purpose: &Purpose| plan.nodes[node].operation.passes_on(purpose);
        (purposes.iter().all(passes), purposes.iter().any(passes))
    };
    // By value: whether a layer that learns is on the way to it, when it is read last, forward and at all, and when it is
    // read first backward.
    let mut learns = vec![false; plan.values.len()];
    let mut read = vec![0; plan.values.len()];
    let mut read_forward = vec![0; plan.values.len()];
    let mut first_backward = vec![None; plan.values.len()];
    read[last] = n;
    let mut found = Vec::new();
    for (i, node) in plan.nodes.iter().enumerate() {
        let inputs = || node.inputs.iter().map(|&input| plan.root(input).0);
        let learns_before = inputs().any(|input| learns[input]);
        learns[node.output.0] = places.learns(node.layer) || learns_before;
        let goes_back = trains && learns[node.output.0];
        let reads_again = goes_back && node.operation.reads_inputs_backward();
        for input in inputs() {
            read[input] = read[input].max(if reads_again { backward(i) } else { i });
            read_forward[input] = i;
            if reads_again {
                // Later nodes run backward before.
                first_backward[input] = Some(backward(i));
            }
        }
        let shapes: Vec<Shape> = node.inputs.iter().map(|&input| plan.shape(input)).collect();
        let mut kept = node.operation.scratch(batch, &shapes);
        if trains {
            kept += node.operation.training_scratch(batch, &shapes);
        }
        if kept > 0 {
            let to = if goes_back { backward(i) } else { i };
            found.push((Of::Scratch(i), Lifetime { len: kept, from: i, to }));
        }
    }
    // By value: when it is there again.
    let mut again: Vec<Option<usize>> = vec![None; plan.values.len()];
    for (i, node) in plan.nodes.iter().enumerate().filter(|_| recomputes && trains) {
        let value = node.output.0;
        let mut inputs = node.inputs.iter().map(|&input| plan.root(input).0);
        let Some(from) = first_backward[value].filter(|_| value != last && !passes(i).1) else {
            continue;
        };
        let is_kept =
            |input: usize| again[input].is_none() && (input == INPUT.0 || read[input] >= from);
        if node.operation.is_cheap() && inputs.all(is_kept) {
            again[value] = Some(from);
        }
    }
    // What is passed on is read by the readers of what it is passed on as.
    for (i, node) in plan.nodes.iter().enumerate().rev() {
        if passes(i).1 {
            let input = plan.root(node.inputs[0]).0;
            read[input] = read[input].max(read[node.output.0]);
        }
    }
    for (i, node) in plan.nodes.iter().enumerate() {
        let value = node.output.0;
        let len = batch * plan.width(ValueId(value), trains);
        if !passes(i).0 {
            let to = match again[value] {
                Some(from) => {
                    found.push((Of::Again(value), Lifetime { len, from, to: read[value] }));
                    read_forward[value]
                }
                None => read[value],
            };
            found.push((Of::Output(value), Lifetime { len, from: i, to: to.max(i) }));
        }
        if value == last {
            // Of the loss, or what a store activates.
            let to = if trains { backward(i) } else { n };
            found.push((Of::Gradient(value), Lifetime { len, from: n, to }));
        } else if trains && learns[value] && !passes(i).0 {
            for (k, reader) in plan.readers(ValueId(value)).into_iter().enumerate() {
                let of = if k == 0 { Of::Gradient(value) } else { Of::MoreGradient(value) };
                let (from, to) = (backward(reader), backward(i));
                found.push((of, Lifetime { len, from, to }));
            }
        }
    }
    found
}

/// Makes the buffers of a plan's values: where they lie in training, and in steps for the other purposes. `batches` are the
/// most rows of a step of each.
pub(super) fn hold(
    program: &mut Program,
    plan: &Plan,
    purposes: &[(Purpose, usize)],
    places: &Places,
    saving: Saving,
) -> [Held; 2] {
    let layouts = [true, false].map(|training| {
        let own = || purposes.iter().filter(|(p, _)| (*p == Purpose::Training) == training);
        let batch = own().map(|&(_, batch)| batch).max();
        let purposes: Vec<Purpose> = own().map(|&(purpose, _)| purpose).collect();
        let found = batch.map(|batch| lifetimes(plan, &purposes, batch, places, saving.recomputes));
        let found = found.unwrap_or_default();
        let times: Vec<Lifetime> = found.iter().map(|&(_, lifetime)| lifetime).collect();
        let (of, lengths) = match saving.shares {
            true => share(&times),
            false => ((0..times.len()).collect(), times.iter().map(|time| time.len).collect()),
        };
        (found, of, lengths)
    });
    // The k-th largest of one layout and of the other are one buffer.
    let ranks = layouts.each_ref().map(|(_, _, lengths)| {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
        order
    });
    let count = ranks[0].len().max(ranks[1].len());
    let length = |which: usize, k: usize| ranks[which].get(k).map_or(0, |&i| layouts[which].2[i]);
    let buffers: Vec<Span> = (0..count)
        .map(|k| {
            let len = length(0, k).max(length(1, k)).next_multiple_of(ALIGNMENT);
            program.buffer(format!("values {k}"), Element::F32, len)
        })
        .collect();
    [0, 1].map(|which| {
        let (found, of, lengths) = &layouts[which];
        let mut buffer_of = vec![0; lengths.len()];
        for (k, &i) in ranks[which].iter().enumerate() {
            buffer_of[i] = k;
        }
        let mut held = Held {
            outputs: vec![None; plan.values.len()],
            again: vec![None; plan.values.len()],
            gradients: vec![None; plan.values.len()],
            more_gradients: vec![Vec::new(); plan.values.len()],
            scratch: vec![None; plan.nodes.len()],
        };
        for ((what, lifetime), &buffer) in found.iter().zip(of) {
            let span = buffers[buffer_of[buffer]].part(0, lifetime.len);
            match *what {
                Of::Output(value) => held.outputs[value] = Some(span),
                Of::Again(value) => held.again[value] = Some(span),
                Of::Gradient(value) => held.gradients[value] = Some(span),
                Of::MoreGradient(value) => held.more_gradients[value].push(span),
                Of::Scratch(node) => held.scratch[node] = Some(span),
            }
        }
        held
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::record::Piece;
    use crate::layers::{Activation, Group, Layer};

    /// A plan, and places in which the layers from `frozen` on have weights that learn.
    fn plan(layers: &[Layer], frozen: usize) -> (Plan, Places) {
        let names: Vec<String> = (0..layers.len()).map(|i| format!("layer {i}")).collect();
        let plan = Plan::lower(Shape::vector(48), layers, &names);
        let piece = Piece {
            segment: 0,
            offset: 0,
            len: 1,
            first: 0,
            rows: 1,
            bias: false,
            group: Group::Kernel,
            is_statistics: false,
        };
        let shapes = |layer: &Layer| layer.describe().layout(Shape::vector(1)).is_some();
        let pieces = layers.iter().map(|layer| vec![piece; shapes(layer) as usize]).collect();
        (plan, Places { pieces, frozen, ..Places::default() })
    }

    fn stack(depth: usize) -> Vec<Layer> {
        vec![Layer::dense(48, Activation::Relu); depth]
    }

    /// Buffers' elements for a plan.
    fn elements(layers: &[Layer], frozen: usize, purpose: Purpose, shares: bool) -> usize {
        let (plan, places) = plan(layers, frozen);
        let mut program = Program::default();
        hold(&mut program, &plan, &[(purpose, 4)], &places, Saving { shares, recomputes: false });
        program.buffers.iter().map(|buffer| buffer.len).sum()
    }

    #[test]
    fn what_lives_at_one_time_never_shares_a_buffer() {
        // Numbers that look random.
        let draw = |i: usize| (i * 2_654_435_761) >> 7;
        for count in [1, 2, 7, 60] {
            let lifetimes: Vec<Lifetime> = (0..count)
                .map(|i| {
                    let from = draw(3 * i) % 20;
                    Lifetime { len: 1 + draw(3 * i + 1) % 9, from, to: from + draw(3 * i + 2) % 8 }
                })
                .collect();
            let (of, lengths) = share(&lifetimes);
            for (i, a) in lifetimes.iter().enumerate() {
                assert!(lengths[of[i]] >= a.len);
                for (j, b) in lifetimes.iter().enumerate().take(i) {
                    assert!(of[i] != of[j] || a.to < b.from || b.to < a.from, "{a:?} and {b:?}");
                }
            }
        }
    }

    #[test]
    fn a_prediction_needs_two_values_however_deep_it_is() {
        let width = (4 * 48usize).next_multiple_of(ALIGNMENT);
        for depth in [3, 12] {
            // The last output, and what a softmax makes of it, are among them.
            assert_eq!(elements(&stack(depth), 0, Purpose::Prediction, true), 2 * width);
            assert_eq!(elements(&stack(depth), 0, Purpose::Prediction, false), (depth + 1) * width);
        }
    }

    #[test]
    fn training_keeps_what_backward_reads() {
        let width = (4 * 48usize).next_multiple_of(ALIGNMENT);
        // Each output but the last is an input that is read again; of gradients two live at a time, of which one takes the
        // last output's place.
        assert_eq!(elements(&stack(10), 0, Purpose::Training, true), (10 + 1) * width);
        assert_eq!(elements(&stack(10), 0, Purpose::Training, false), 20 * width);
        // Nothing is kept for frozen layers.
        assert!(elements(&stack(10), 7, Purpose::Training, true) <= 6 * width);
        // An earlier value that is read later is kept until then.
        let mut skip = stack(6);
        skip.insert(5, Layer::add("layer 0"));
        let (plan, places) = plan(&skip, 0);
        let found = lifetimes(&plan, &[Purpose::Prediction], 4, &places, false);
        let of = |value: usize| {
            found.iter().find(|(of, _)| *of == Of::Output(value)).map(|(_, lifetime)| lifetime.to)
        };
        assert_eq!((of(1), of(2)), (Some(5), Some(2)));
    }

    #[test]
    fn a_value_that_dropout_passes_on_lives_as_long_as_what_it_is_passed_on_as() {
        let dense = || Layer::dense(48, Activation::Relu);
        let layers = [dense(), Layer::dropout(0.5), dense(), Layer::add("layer 1"), dense()];
        let (plan, places) = plan(&layers, 0);
        let found = lifetimes(&plan, &[Purpose::Evaluation], 4, &places, false);
        let output = |value: usize| found.iter().find(|(of, _)| *of == Of::Output(value));
        assert_eq!(output(1).map(|(_, lifetime)| lifetime.to), Some(3));
        assert!(output(2).is_none());
    }
}
