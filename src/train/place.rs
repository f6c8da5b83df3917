//! Where a model's parameters lie: packed into segments, none larger than a binding, in pieces of whole rows.

use crate::error::{Error, Result};
use crate::kernels::Element;
use crate::layers::record::{Piece, Places, Segment};
use crate::layers::{BiasPlace, Layout};
use crate::program::{ALIGNMENT, Program};

/// Weights from which on gradients share one buffer, as large as the largest piece, and each piece
/// is updated as soon as it has its gradient: weights and two moments then take 3 times the
/// weights' memory, not 4. Smaller models are updated by one dispatch a segment.
const SHARED_FROM: usize = 1 << 25;

/// What is asked of a placement.
pub(super) struct PlaceRequest<'a> {
    /// How each layer's parameters lie, by layer.
    pub layouts: Vec<Option<Layout>>,
    /// Arrays of running statistics of each layer, by layer.
    pub statistics: Vec<usize>,
    /// Names of the layers, for messages.
    pub names: &'a [String],
    /// Elements of a binding at most.
    pub max_binding: usize,
    /// Whether weights learn at all.
    pub trains: bool,
    /// The first layers, this many, keep their weights.
    pub frozen: usize,
    /// The layer whose table is lazy.
    pub lazy: Option<usize>,
    /// Whether `small_steps` takes all that belongs to the weights as one buffer.
    pub one_arena: bool,
    /// Whether the optimizer needs all gradients before it updates any weight.
    pub whole_gradients: bool,
    /// Whether a batch is taken in parts, whose gradients are added up.
    pub accumulates: bool,
    pub keep_best: bool,
    /// Arrays of moments.
    pub moments: usize,
}

/// How a segment's parameters learn.
#[derive(Clone, Copy, PartialEq)]
enum Learns {
    Never,
    /// Running statistics: the layer itself changes them.
    ByItself,
    /// A lazy table.
    ByRow,
    AsAWhole,
}

/// Packs every layer's parameters into segments.
///
/// # Errors
/// [`Error::Device`] when one row of a layer's weights is larger than a binding of the device.
pub(super) fn place(program: &mut Program, request: &PlaceRequest<'_>) -> Result<Places> {
    let limit = request.max_binding / ALIGNMENT * ALIGNMENT;
    // Length of each segment, and how it learns.
    let mut lengths: Vec<(usize, Learns)> = Vec::new();
    let mut pieces = Vec::new();
    for (i, layout) in request.layouts.iter().enumerate() {
        let learns = match request.trains && i >= request.frozen {
            true => Learns::AsAWhole,
            false => Learns::Never,
        };
        let Some(Layout { rows, units, bias, group, most_rows, together }) = *layout else {
            pieces.push(Vec::new());
            continue;
        };
        if units.saturating_mul(together) > limit {
            return Err(Error::Device(format!(
                "the weights of layer {} ({}) that must lie together take {} MB, and one binding of this device holds {} MB; give it fewer units, or train on the CPU backend",
                i + 1,
                request.names[i],
                units.saturating_mul(together) * 4 / 1_000_000,
                limit * 4 / 1_000_000
            )));
        }
        let layout_bias = bias;
        let mut place = |first: usize, rows: usize, bias: bool| {
            let is_lazy = request.lazy == Some(i) && rows > 0;
            let learns = if is_lazy { Learns::ByRow } else { learns };
            let len = match layout_bias {
                BiasPlace::ApartOf(len) if rows == 0 => len,
                _ => (rows + bias as usize) * units,
            };
            let padded = len.next_multiple_of(ALIGNMENT);
            let most = limit.min(SHARED_FROM);
            // Into the last segment while there is space, else into a new one.
            match lengths.last() {
                Some(&(last, other)) if other == learns && last + padded <= most => {}
                _ => lengths.push((0, learns)),
            }
            let segment = lengths.len() - 1;
            let offset = lengths[segment].0;
            lengths[segment].0 += padded;
            Piece { segment, offset, len, first, rows, bias, group, is_statistics: false }
        };
        let mut own: Vec<Piece> =
            split_rows(rows, units, bias, limit.min(units.saturating_mul(most_rows)))
                .into_iter()
                .map(|(first, rows, bias)| place(first, rows, bias))
                .collect();
        if request.statistics[i] > 0 {
            let learns = if learns == Learns::Never { learns } else { Learns::ByItself };
            let len = request.statistics[i] * units;
            if lengths
                .last()
                .is_none_or(|&(last, other)| other != learns || last + len > limit.min(SHARED_FROM))
            {
                lengths.push((0, learns));
            }
            let segment = lengths.len() - 1;
            let offset = lengths[segment].0;
            lengths[segment].0 += len.next_multiple_of(ALIGNMENT);
            let (first, rows, bias) = (rows, 0, false);
            own.push(Piece { segment, offset, len, first, rows, bias, group, is_statistics: true });
        }
        pieces.push(own);
    }
    let total = |which: &dyn Fn(Learns) -> bool| -> usize {
        lengths.iter().filter(|(_, learns)| which(*learns)).map(|(len, _)| len).sum()
    };
    let large = limit.min(SHARED_FROM);
    let shares = request.trains
        && (request.accumulates
            || !request.whole_gradients && total(&|learns| learns == Learns::AsAWhole) > large);
    let keeps_best = request.keep_best && total(&|learns| learns != Learns::Never) <= large;
    let learning = pieces.iter().skip(request.frozen).flatten();
    let largest = learning
        .filter(|piece: &&Piece| lengths[piece.segment].1 == Learns::AsAWhole)
        // Updates take four elements at a time.
        .map(|piece| piece.len.next_multiple_of(ALIGNMENT))
        .max();
    let shared_gradients =
        shares.then(|| program.buffer("gradients", Element::F32, largest.unwrap_or(1)));
    let (frozen, moments) = (request.frozen, request.moments);
    if let (true, &[(len, _)]) = (request.one_arena, &lengths[..]) {
        let arena = program.buffer("arena", Element::F32, 4 * len);
        let best = keeps_best.then(|| program.buffer("best weights", Element::F32, len));
        let segments = vec![Segment {
            weights: arena.part(0, len),
            gradients: Some(arena.part(3 * len, len)),
            moments: (1..=moments).map(|m| arena.part(m * len, len)).collect(),
            best,
        }];
        return Ok(Places { segments, pieces, shared_gradients: None, accumulates: false, frozen });
    }
    let mut segments = Vec::new();
    for (i, (len, learns)) in lengths.into_iter().enumerate() {
        let mut reals = |name: String| program.buffer(name, Element::F32, len);
        segments.push(Segment {
            weights: reals(format!("weights {i}")),
            gradients: (learns == Learns::AsAWhole && (!shares || request.accumulates))
                .then(|| reals(format!("gradients {i}"))),
            moments: match learns {
                Learns::ByRow | Learns::AsAWhole => {
                    (0..moments).map(|m| reals(format!("moment {m}, {i}"))).collect()
                }
                Learns::Never | Learns::ByItself => Vec::new(),
            },
            best: (keeps_best && learns != Learns::Never)
                .then(|| reals(format!("best weights {i}"))),
        });
    }
    Ok(Places { segments, pieces, shared_gradients, accumulates: request.accumulates, frozen })
}

/// Cuts a layer's rows of `units` elements into pieces of at most `limit` elements: (first row,
/// rows, whether the bias follows).
fn split_rows(
    rows: usize,
    units: usize,
    bias: BiasPlace,
    limit: usize,
) -> Vec<(usize, usize, bool)> {
    let fit = (limit / units).max(1);
    // Whole tiles of the matrix products where that many fit.
    let step = match fit {
        64.. => fit / 64 * 64,
        4..64 => fit / 4 * 4,
        _ => fit,
    };
    let step = if rows + (bias == BiasPlace::Behind) as usize <= fit { rows.max(1) } else { step };
    let mut pieces: Vec<(usize, usize, bool)> =
        (0..rows).step_by(step).map(|first| (first, step.min(rows - first), false)).collect();
    match (bias, pieces.last_mut()) {
        (BiasPlace::None, _) => {}
        (BiasPlace::Behind, Some(last)) if last.1 < fit => last.2 = true,
        _ => pieces.push((rows, 0, true)),
    }
    pieces
}
