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

/// Numbers in f32 that take a megabyte.
const NUMBERS_OF_MB: usize = 1_000_000 / 4;

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
                units.saturating_mul(together) / NUMBERS_OF_MB,
                limit / NUMBERS_OF_MB
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

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::layers::Group;

    fn layout(rows: usize, units: usize, bias: BiasPlace) -> Layout {
        Layout { rows, units, bias, group: Group::Kernel, most_rows: usize::MAX, together: 1 }
    }

    fn request(layouts: Vec<Option<Layout>>, names: &[String]) -> PlaceRequest<'_> {
        PlaceRequest {
            statistics: vec![0; layouts.len()],
            layouts,
            names,
            max_binding: 1 << 20,
            trains: true,
            frozen: 0,
            lazy: None,
            one_arena: false,
            whole_gradients: false,
            accumulates: false,
            keep_best: true,
            moments: 2,
        }
    }

    /// What holds of any placement: nothing lies over another, no segment is larger than a binding, and every layer has its
    /// rows in order.
    fn check(places: &Places, request: &PlaceRequest<'_>) {
        let limit = request.max_binding / ALIGNMENT * ALIGNMENT;
        let mut taken: Vec<Vec<(usize, usize)>> = vec![Vec::new(); places.segments.len()];
        for (i, (own, layout)) in places.pieces.iter().zip(&request.layouts).enumerate() {
            let Some(layout) = layout else {
                assert!(own.is_empty());
                continue;
            };
            let mut next = 0;
            for piece in own {
                assert_eq!(piece.offset % ALIGNMENT, 0);
                assert!(piece.offset + piece.len <= places.segments[piece.segment].weights.len);
                taken[piece.segment].push((piece.offset, piece.offset + piece.len));
                if piece.is_statistics {
                    assert_eq!(piece.len, request.statistics[i] * layout.units);
                    continue;
                }
                assert_eq!(piece.first, next, "rows follow each other");
                next += piece.rows;
                let apart = match layout.bias {
                    BiasPlace::ApartOf(len) if piece.rows == 0 => len,
                    _ => (piece.rows + piece.bias as usize) * layout.units,
                };
                assert_eq!(piece.len, apart);
                assert!(piece.rows <= layout.most_rows && piece.len <= limit);
            }
            let mine = own.iter().filter(|piece| !piece.is_statistics);
            assert_eq!(next, layout.rows);
            assert_eq!(
                mine.filter(|piece| piece.bias).count(),
                (layout.bias != BiasPlace::None) as usize
            );
        }
        for (segment, taken) in places.segments.iter().zip(&mut taken) {
            taken.sort_unstable();
            assert!(taken.windows(2).all(|two| two[0].1 <= two[1].0), "{taken:?}");
            assert!(segment.weights.len <= limit);
        }
    }

    #[test]
    fn any_layers_lie_apart_whole_and_within_bindings() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for case in 0..2000 {
            let layers = rng.random_range(1..6);
            let max_binding = rng.random_range(400..5000);
            let layouts: Vec<Option<Layout>> = (0..layers)
                .map(|_| {
                    let units = rng.random_range(1..max_binding / 3);
                    let bias = match rng.random_range(0..4) {
                        0 => BiasPlace::None,
                        1 => BiasPlace::Behind,
                        2 => BiasPlace::Apart,
                        _ => BiasPlace::ApartOf(rng.random_range(1..300)),
                    };
                    let mut layout = layout(rng.random_range(1..400), units, bias);
                    if rng.random_bool(0.3) {
                        layout.most_rows = rng.random_range(1..100);
                    }
                    rng.random_bool(0.8).then_some(layout)
                })
                .collect();
            let names: Vec<String> = (0..layers).map(|i| format!("layer {i}")).collect();
            let statistics = layouts.iter().map(|layout| match layout {
                Some(layout)
                    if rng.random_bool(0.3) && 2 * layout.units < max_binding - ALIGNMENT =>
                {
                    2
                }
                _ => 0,
            });
            let mut request = PlaceRequest {
                statistics: statistics.collect(),
                max_binding,
                ..request(layouts, &names)
            };
            request.frozen = rng.random_range(0..3);
            request.trains = case % 5 != 0;
            let places = place(&mut Program::default(), &request).expect("it fits");
            check(&places, &request);
            for (i, own) in places.pieces.iter().enumerate() {
                for piece in own {
                    let segment = &places.segments[piece.segment];
                    let learns = request.trains && i >= request.frozen;
                    let by_gradient = learns && !piece.is_statistics;
                    let shares = places.shared_gradients.is_some();
                    assert_eq!(segment.gradients.is_some(), by_gradient && !shares, "layer {i}");
                    assert_eq!(segment.moments.len(), if by_gradient { 2 } else { 0 });
                    assert!(segment.best.is_none() || learns, "what changes can be put back");
                }
            }
        }
    }

    #[test]
    fn pieces_of_a_layer_are_whole_tiles_and_the_bias_has_room() {
        use BiasPlace::{Apart, Behind, None};
        type Pieces = &'static [(usize, usize, bool)];
        let cases: [(usize, BiasPlace, usize, Pieces); 12] = [
            // Of ten units, rows that fit: all, all but the bias, and one fewer.
            (9, Behind, 100, &[(0, 9, true)]),
            (10, Behind, 100, &[(0, 8, false), (8, 2, true)]),
            (10, None, 100, &[(0, 10, false)]),
            (10, Apart, 100, &[(0, 10, false), (10, 0, true)]),
            (11, None, 100, &[(0, 8, false), (8, 3, false)]),
            // Fours where fewer than 64 fit, 64s where more do, ones where fewer than four do.
            (130, None, 639, &[(0, 60, false), (60, 60, false), (120, 10, false)]),
            (130, None, 640, &[(0, 64, false), (64, 64, false), (128, 2, false)]),
            (130, None, 1279, &[(0, 64, false), (64, 64, false), (128, 2, false)]),
            (130, None, 1280, &[(0, 128, false), (128, 2, false)]),
            (7, None, 30, &[(0, 3, false), (3, 3, false), (6, 1, false)]),
            (9, None, 40, &[(0, 4, false), (4, 4, false), (8, 1, false)]),
            // The last piece is full: the bias lies behind it.
            (8, Behind, 40, &[(0, 4, false), (4, 4, false), (8, 0, true)]),
        ];
        for (rows, bias, limit, pieces) in cases {
            assert_eq!(
                split_rows(rows, 10, bias, limit),
                pieces,
                "{rows} rows in {limit} elements"
            );
        }
        assert_eq!(split_rows(3, 10, None, 5), [(0, 1, false), (1, 1, false), (2, 1, false)]);
    }

    #[test]
    fn what_must_lie_together_fits_a_binding_to_the_last_element() {
        let names = ["a".to_owned()];
        let of = |units: usize, together: usize| {
            let layout = Layout { together, ..layout(8, units, BiasPlace::None) };
            let request = PlaceRequest { max_binding: 1000, ..request(vec![Some(layout)], &names) };
            place(&mut Program::default(), &request).map(|places| check(&places, &request))
        };
        // 1,000 elements are 960 in whole alignments.
        of(120, 8).expect("all of it");
        of(960, 1).expect("a row");
        for (units, together) in [(961, 1), (121, 8), (usize::MAX, 2)] {
            let error = of(units, together).expect_err("too large").to_string();
            assert!(error.contains("layer 1 (a)"), "{error}");
        }
    }

    #[test]
    fn layers_share_a_segment_while_it_holds_them_and_they_learn_alike() {
        let names: Vec<String> = (0..4).map(|i| format!("layer {i}")).collect();
        let four = |max_binding: usize, frozen: usize, lazy: Option<usize>| {
            let layouts = vec![Some(layout(4, 16, BiasPlace::None)); 4];
            let request = PlaceRequest { max_binding, frozen, lazy, ..request(layouts, &names) };
            let places = place(&mut Program::default(), &request).expect("they fit");
            check(&places, &request);
            places.pieces.iter().map(|own| (own[0].segment, own[0].offset)).collect::<Vec<_>>()
        };
        assert_eq!(four(256, 0, None), [(0, 0), (0, 64), (0, 128), (0, 192)]);
        assert_eq!(four(255, 0, None), [(0, 0), (0, 64), (0, 128), (1, 0)]);
        assert_eq!(four(256, 2, None), [(0, 0), (0, 64), (1, 0), (1, 64)]);
        assert_eq!(four(256, 0, Some(0)), [(0, 0), (1, 0), (1, 64), (1, 128)]);
        assert_eq!(four(256, 0, Some(2)), [(0, 0), (0, 64), (1, 0), (2, 0)]);
        // Statistics lie behind weights that stay as they are, too, where a binding holds both.
        let statistics = |max_binding: usize, frozen: usize| {
            let layouts = vec![Some(layout(4, 32, BiasPlace::None)); 4];
            let statistics = vec![2; 4];
            let request =
                PlaceRequest { statistics, max_binding, frozen, ..request(layouts, &names) };
            let places = place(&mut Program::default(), &request).expect("they fit");
            check(&places, &request);
            let own = places.pieces.iter().flatten().filter(|piece| piece.is_statistics);
            own.map(|piece| (piece.segment, piece.offset)).collect::<Vec<_>>()
        };
        assert_eq!(statistics(192, 0), [(1, 0), (3, 0), (5, 0), (7, 0)]);
        assert_eq!(statistics(192, 4), [(0, 128), (1, 128), (2, 128), (3, 128)]);
        assert_eq!(statistics(191, 4), [(1, 0), (3, 0), (5, 0), (7, 0)]);
    }

    #[test]
    fn large_weights_share_a_buffer_of_gradients_and_keep_no_second_copy() {
        let names = ["a".to_owned(), "b".to_owned()];
        let of = |rows: usize, change: &dyn Fn(&mut PlaceRequest<'_>)| {
            let layouts = vec![
                Some(layout(rows, 1 << 10, BiasPlace::None)),
                Some(layout(1, 10, BiasPlace::None)),
            ];
            let mut request = PlaceRequest { max_binding: 1 << 26, ..request(layouts, &names) };
            change(&mut request);
            place(&mut Program::default(), &request).expect("it fits")
        };
        let own = |places: &Places| {
            places.segments.iter().filter(|segment| segment.gradients.is_some()).count()
        };
        let best = |places: &Places| {
            places.segments.iter().filter(|segment| segment.best.is_some()).count()
        };
        // The second layer has 64 elements with what it is padded by.
        let fits = SHARED_FROM / (1 << 10) - 1;
        let small = of(fits, &|_| ());
        assert_eq!((own(&small), best(&small), small.shared_gradients), (1, 1, None));
        let large = of(fits + 1, &|_| ());
        assert_eq!((own(&large), best(&large)), (0, 0));
        assert_eq!(large.shared_gradients.map(|span| span.len), Some(SHARED_FROM));
        // An optimizer that looks at all of them first needs them all; a batch in parts adds them up.
        let whole = of(fits + 1, &|request| request.whole_gradients = true);
        assert_eq!((own(&whole), whole.shared_gradients), (2, None));
        let parts = of(fits, &|request| request.accumulates = true);
        assert_eq!((own(&parts), parts.shared_gradients.is_some()), (1, true));
        assert!(parts.accumulates && !small.accumulates);
        // A frozen table does not count.
        let frozen = of(fits + 1, &|request| request.frozen = 1);
        assert_eq!((own(&frozen), best(&frozen), frozen.shared_gradients), (1, 1, None));
        let still = of(fits + 1, &|request| request.trains = false);
        assert_eq!((own(&still), still.shared_gradients), (0, None));
        assert_eq!(best(&of(2, &|request| request.keep_best = false)), 0);
    }
}
