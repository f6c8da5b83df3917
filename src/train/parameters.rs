//! A model's parameters on a device: which arrays there are beside the weights, and the way between parameters
//! of a model and pieces of an arena.

use super::record::{Recording, Request, record};
use crate::backend::{Device, DeviceKind, Executor};
use crate::error::{Error, Result};
use crate::kernels::state::TABLE_ROWS;
use crate::kernels::{BufferId, Span};
use crate::model::{Model, Parameter};
use crate::program::Program;

use super::Fusions;
use super::feed::FeedSpec;

/// Elements that are read from a device at once, so that what is read needs no second copy.
const READ: usize = 1 << 22;

/// What to read of a session's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The weights.
    Weights,
    /// The gradients of the last step.
    Gradients,
    /// The optimizer's first array: Adam's first moment, SGD's velocity.
    FirstMoments,
    /// The optimizer's second array: Adam's second moment.
    SecondMoments,
    /// The weights that early stopping keeps.
    BestWeights,
}

impl Role {
    /// The roles that a run's state is made of; gradients are computed anew.
    pub const STATE: [Role; 4] =
        [Role::Weights, Role::FirstMoments, Role::SecondMoments, Role::BestWeights];

    /// Whether running statistics have it beside weights that learn.
    pub(super) fn has_statistics(self) -> bool {
        matches!(self, Role::Weights | Role::BestWeights)
    }

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Role::Weights => "weights",
            Role::Gradients => "gradients",
            Role::FirstMoments => "first_moments",
            Role::SecondMoments => "second_moments",
            Role::BestWeights => "best_weights",
        }
    }
}

/// Records a model, makes its buffers, and writes its weights. `prepare` is told the buffers of these.
pub(super) fn build(
    request: &Request<'_>,
    prepare: impl FnOnce(&Program, &[BufferId]) -> Result<Box<dyn Executor>>,
) -> Result<(Recording, Box<dyn Executor>)> {
    for parameter in request.model.parameters() {
        // A NaN can become an answer: relu makes it 0.
        if let Some(value) = parameter.values.iter().find(|value| !value.is_finite()) {
            return Err(Error::Model(format!(
                "the weights {} hold {value}, which is no finite number; the model was not trained to its end or its file was changed",
                parameter.name
            )));
        }
    }
    let recording = record(request)?;
    let spans = recording.spans(Role::Weights)?;
    let mut weights: Vec<BufferId> = spans.iter().map(|span| span.buffer).collect();
    weights.dedup();
    let mut executor = prepare(&recording.program, &weights)?;
    write_parameters(&spans, request.model.parameters(), executor.as_mut())?;
    write_state(&recording, executor.as_mut())?;
    Ok((recording, executor))
}

/// Writes what a recording needs beside the weights before its first routine runs.
pub(super) fn write_state(recording: &Recording, executor: &mut dyn Executor) -> Result<()> {
    match &recording.small {
        None => Ok(()),
        Some(words) => {
            executor.write_u32(recording.space.state.part(TABLE_ROWS, words.len()), words)
        }
    }
}

/// As [`build`], for feeds that do not train.
pub(super) fn build_inference(
    model: &Model,
    feeds: &[FeedSpec],
    seed: u64,
    device: &Device,
) -> Result<(Recording, Box<dyn Executor>)> {
    let request = Request {
        model,
        feeds,
        optimizer: None,
        clip: None,
        micro_batch: None,
        recompute: false,
        label_smoothing: 0.0,
        sampled_classes: None,
        augment: None,
        seed,
        keep_best: false,
        frozen: 0,
        fusions: Fusions::ALL,
        max_binding: device.max_binding_elements(),
        // On an adapter a launch costs more than the rows of a batch, and each routine takes time to prepare.
        fewer_rows: match device.kind() {
            DeviceKind::Cpu => &[1, 8],
            DeviceKind::Gpu => &[],
        },
    };
    build(&request, |program, weights| device.prepare_sharing(program, weights))
}

/// Writes a model's parameters to the spans of its pieces.
pub(super) fn write_parameters(
    spans: &[Span],
    parameters: &[Parameter],
    executor: &mut dyn Executor,
) -> Result<()> {
    let lengths = parameters.iter().map(|parameter| parameter.values.len());
    for (n, start, span) in stretches(spans, lengths) {
        executor.write_f32(span, &parameters[n].values[start..][..span.len])?;
    }
    Ok(())
}

/// Reads the spans of a model's pieces into parameters that have their length already.
pub(super) fn read_parameters(
    spans: &[Span],
    parameters: &mut [Parameter],
    executor: &mut dyn Executor,
) -> Result<()> {
    let lengths: Vec<usize> = parameters.iter().map(|parameter| parameter.values.len()).collect();
    for (n, start, span) in stretches(spans, lengths.into_iter()) {
        let values = &mut parameters[n].values[start..][..span.len];
        for (i, values) in values.chunks_mut(READ).enumerate() {
            let read = executor.read_f32(span.part(i * READ, values.len()))?;
            values.copy_from_slice(&read);
        }
    }
    Ok(())
}

/// The first value of a model's pieces that is NaN or infinite, by its bits: which array, where in it, and the value.
pub(super) fn find_non_finite(
    spans: &[Span],
    lengths: impl Iterator<Item = usize>,
    executor: &mut dyn Executor,
) -> Result<Option<(usize, usize, f32)>> {
    /// The exponent of NaN and of infinity.
    const EXPONENT: u32 = 0x7f80_0000;
    for (n, start, span) in stretches(spans, lengths) {
        for first in (0..span.len).step_by(READ) {
            let values = executor.read_f32(span.part(first, READ.min(span.len - first)))?;
            let bad = values.iter().position(|value| value.to_bits() & EXPONENT == EXPONENT);
            if let Some(i) = bad {
                return Ok(Some((n, start + first + i, values[i])));
            }
        }
    }
    Ok(None)
}

/// Spans and arrays of the same length in all are cut differently: a span may hold the end of a kernel and
/// its bias, and a kernel may lie in several spans. Gives each stretch that both have in one piece: the
/// array's number, where in it the stretch starts, and the stretch.
fn stretches(spans: &[Span], lengths: impl Iterator<Item = usize>) -> Vec<(usize, usize, Span)> {
    let mut found = Vec::new();
    let mut spans = spans.iter().copied();
    let (mut span, mut done) = (spans.next(), 0);
    for (n, length) in lengths.enumerate() {
        let mut start = 0;
        while let (Some(current), true) = (span, start < length) {
            let len = (length - start).min(current.len - done);
            found.push((n, start, current.part(done, len)));
            (start, done) = (start + len, done + len);
            if done == current.len {
                (span, done) = (spans.next(), 0);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::BufferId;

    #[test]
    fn stretches_are_where_both_are_in_one_piece() {
        let span = |buffer, offset, len| Span { buffer: BufferId(buffer), offset, len };
        let spans = [span(0, 64, 10), span(1, 0, 5)];
        let expected = [
            (0, 0, span(0, 64, 4)),
            (1, 0, span(0, 68, 6)),
            (1, 6, span(1, 0, 3)),
            (2, 0, span(1, 3, 2)),
        ];
        assert_eq!(stretches(&spans, [4, 9, 2].into_iter()), expected);
    }

    /// Two buffers of more than is read at once, for three arrays of which one lies in both.
    #[test]
    fn parameters_come_back_and_what_is_no_number_is_found_wherever_it_lies() {
        let mut program = Program::default();
        let mut buffer = |len| program.buffer("weights", crate::kernels::Element::F32, len);
        let spans = [buffer(READ + 70), buffer(READ + 9)];
        let lengths = [READ + 3, READ + 16, 60];
        let arrays: Vec<Parameter> = lengths
            .iter()
            .enumerate()
            .map(|(n, &len)| {
                let values = (0..len).map(|i| (n * 7 + i) as f32).collect();
                Parameter { name: n.to_string(), shape: vec![len], values }
            })
            .collect();
        let mut executor = Device::cpu().prepare(&program).expect("it is prepared");
        let executor = executor.as_mut();
        write_parameters(&spans, &arrays, executor).expect("written");
        let mut found: Vec<Parameter> = arrays
            .iter()
            .map(|array| Parameter { values: vec![0.0; array.count()], ..array.clone() })
            .collect();
        read_parameters(&spans, &mut found, executor).expect("read");
        assert!(found == arrays, "what was written");
        let bad = |executor: &mut dyn Executor| {
            find_non_finite(&spans, lengths.into_iter(), executor).expect("looked at")
        };
        assert_eq!(bad(executor), None);
        for (n, at) in [(0, 0), (0, READ + 2), (1, 66), (1, 67), (1, READ + 15), (2, 59)] {
            for value in [f32::INFINITY, f32::NEG_INFINITY] {
                let mut arrays = arrays.clone();
                arrays[n].values[at] = value;
                write_parameters(&spans, &arrays, executor).expect("written");
                assert_eq!(bad(executor), Some((n, at, value)));
            }
        }
    }
}
