//! Negative sampling (Mikolov et al. 2013): loss and derivatives of samples with right and wrong words, from logits in
//! the loss's stable form.

#[cfg(feature = "unstable")]
use super::case::*;
use super::real::PARALLEL;
use super::state::{BATCH_SLOT, advance};
use super::{Adapter, Real, add_scaled, dots, sum, team, vectorised};

kernel! {
    name: "negative_sampling",
    params: {
        /// Samples of a step.
        samples: u32,
        /// Width of the vectors.
        units: u32,
        /// Targets of a sample: the right words and their negatives.
        targets: u32,
        /// Workgroups, [`groups`].
        groups: u32,
        /// Words of the stream that the step takes; 0 where other pieces of the table follow.
        words: u32,
        /// First row of the table that the binding holds.
        first: u32,
        /// Rows that it holds.
        rows: u32,
        /// 1 to add to the sums of the pieces before.
        adds: u32,
        /// Right words of a sample.
        positives: u32,
        /// How much a wrong word counts, for each right one.
        weight: f32,
    },
    bindings: {
        /// The counters.
        state: write u32,
        /// `[samples, units]`
        hidden: read f32 as Item,
        /// `[samples, targets]`; 0 counts nothing.
        ids: read u32,
        /// `[rows, units]`: vectors of words as targets.
        table: read f32 as Item,
        /// `[samples, targets]`: derivative by the product of `hidden` and the target's vector.
        factors: write f32,
        /// `[samples, units]`: derivative by `hidden`.
        d_hidden: write f32 as Item,
        /// `[slots, groups, 2]`: sum of losses, samples that count
        history: write f32,
    },
    variants: [
        "vec4": {
            source: &[
                "alias Item = vec4f;\nconst WIDE: u32 = 4u;\n", wgsl!("shared/sum_vec4.wgsl"),
                wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
                wgsl!("shared/history.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("negative_sampling.wgsl"),
            ],
            workgroups: |p| [p.groups, 1, 1],
            computes: |p| p.units.is_multiple_of(4),
        },
        "scalar": {
            source: &[
                "alias Item = f32;\nconst WIDE: u32 = 1u;\n", wgsl!("shared/sum_f32.wgsl"),
                wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
                wgsl!("shared/history.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("negative_sampling.wgsl"),
            ],
            workgroups: |p| [p.groups, 1, 1],
        },
        "software": {
            source: &[
                "alias Item = f32;\n",
                wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
                wgsl!("shared/history.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("software/negative_sampling.wgsl"),
            ],
            workgroups: |p| [p.groups, 1, 1],
        },
    ],
    choose: |p, adapter| match (adapter, p.units % 4) {
        (Adapter::Software { .. }, _) => "software",
        (Adapter::Hardware, 0) => "vec4",
        (Adapter::Hardware, _) => "scalar",
    },
    loop_iterations: |p| (2 * p.targets as u64 + 2) * (p.units as u64 + 2) + p.positives as u64,
    reference: reference,
    case: case,
    benches: [
        // A step of skip-gram: 1,024 words with 6 samples of 1 right and 5 wrong words.
        ("6144 x 6 of 20000 x 100", [6144, 100, 20_000, 6]),
        // The same by whole windows: 15 of 30 right.
        ("1024 x 30 of 20000 x 100", [1024, 100, 20_000, 30]),
    ],
}

/// Workgroups for this many samples.
pub fn groups(samples: usize) -> usize {
    samples.div_ceil(256)
}

#[allow(clippy::too_many_arguments)]
fn reference<T: Real>(
    p: &Params,
    state: &mut [u32],
    hidden: &[T],
    ids: &[u32],
    table: &[T],
    factors: &mut [T],
    d_hidden: &mut [T],
    history: &mut [T],
) {
    let (samples, units) = (p.samples as usize, p.units as usize);
    let targets = p.targets as usize;
    let factors = factors[..samples * targets].chunks_mut(PIECE * targets);
    let d_hidden = d_hidden[..samples * units].chunks_mut(PIECE * units);
    let mut sums = vec![[T::ZERO; 2]; samples.div_ceil(PIECE)];
    let pieces = factors.zip(d_hidden).zip(&mut sums).enumerate();
    let is_large = samples * targets * units >= PARALLEL;
    team::each_where(is_large, pieces, |(i, ((factors, d_hidden), sums))| {
        let first = i * PIECE;
        let piece = Piece {
            hidden: &hidden[first * units..][..d_hidden.len()],
            ids: &ids[first * targets..][..factors.len()],
            factors,
            d_hidden,
        };
        *sums = piece.run(p, table);
    });
    let history = &mut history[(state[BATCH_SLOT] * p.groups * 2) as usize..];
    for (totals, sums) in history.chunks_exact_mut(2).zip(sums.chunks(256 / PIECE)) {
        if p.adds == 0 {
            totals.fill(T::ZERO);
        }
        for sums in sums {
            totals[0] += sums[0];
            totals[1] += sums[1];
        }
    }
    advance(state, p.words);
}

/// Samples that a thread takes at once; 256 are a whole number of pieces.
const PIECE: usize = 32;

/// Some samples: rows of all arrays but the table.
struct Piece<'a, T> {
    hidden: &'a [T],
    ids: &'a [u32],
    factors: &'a mut [T],
    d_hidden: &'a mut [T],
}

impl<T: Real> Piece<'_, T> {
    /// Writes factors and derivatives; returns the sum of losses and the number of right words.
    fn run(self, p: &Params, table: &[T]) -> [T; 2] {
        let Piece { hidden, ids, factors, d_hidden } = self;
        let (units, targets, positives) =
            (p.units as usize, p.targets as usize, p.positives as usize);
        // Of the targets that are there, one behind another: its place, its row, whether it is right, and how much
        // it counts.
        let (mut places, mut rows) = (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
        let (mut answers, mut weights) =
            (Vec::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
        let mut ends = [0; PIECE];
        let mut right = 0;
        for ((s, ids), end) in ids.chunks_exact(targets).enumerate().zip(&mut ends) {
            let count = ids[..positives].iter().filter(|&&id| id != 0).count();
            right += count;
            let wrong = T::from_f32(p.weight) * T::from_usize(count);
            for (t, &id) in ids.iter().enumerate() {
                if id == 0 {
                    factors[s * targets + t] = T::ZERO;
                } else if let Some(row) = place(p, id) {
                    places.push(s * targets + t);
                    rows.push(row);
                    let is_right = t < positives;
                    answers.push(if is_right { T::ONE } else { T::ZERO });
                    weights.push(if is_right { T::ONE } else { wrong });
                }
            }
            *end = places.len();
        }
        let mut products = vec![T::ZERO; places.len()];
        let mut start = 0;
        for (h, &end) in hidden.chunks_exact(units).zip(&ends) {
            let (products, rows) = (&mut products[start..end], &rows[start..end]);
            vectorised(
                #[inline(always)]
                || {
                    dots(
                        h,
                        products,
                        #[inline(always)]
                        |i| &table[rows[i]..][..units],
                    )
                },
            );
            start = end;
        }
        // The weights become factors, the products losses.
        let loss = vectorised(
            #[inline(always)]
            || {
                let of_targets = products.iter_mut().zip(&mut weights).zip(&answers);
                for ((product, weight), &y) in of_targets {
                    let (z, w) = (*product, *weight);
                    *product = w * z.logistic_loss(y);
                    *weight = w * (z.sigmoid() - y);
                }
                sum(&products, &products, |loss, _| loss)
            },
        );
        places.iter().zip(&weights).for_each(|(&place, &factor)| factors[place] = factor);
        let mut start = 0;
        for (row, &end) in d_hidden.chunks_exact_mut(units).zip(&ends) {
            let of_row = weights[start..end].iter().zip(&rows[start..end]);
            vectorised(
                #[inline(always)]
                || {
                    if p.adds == 0 {
                        row.fill(T::ZERO);
                    }
                    add_scaled(row, of_row.map(|(&factor, &at)| (factor, &table[at..][..units])));
                },
            );
            start = end;
        }
        [loss, if p.adds == 0 { T::from_usize(right) } else { T::ZERO }]
    }
}

/// Where the row of an id begins, if the binding holds it.
fn place(p: &Params, id: u32) -> Option<usize> {
    let row = id.wrapping_sub(p.first);
    (row < p.rows).then_some(row as usize * p.units as usize)
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [samples, units, rows, targets]: Sizes) -> Dispatch {
    c.moves(samples * (2 * units + targets * (units + 2)));
    let groups = groups(samples);
    let slot = 3;
    // Tests hold a piece of the table, often not the first.
    let (first, held, adds) = match c.is_bench() {
        true => (0, rows, 0),
        false => (rows / 3, rows - rows / 3 - rows / 4, targets % 2),
    };
    let bindings = Bindings {
        state: c.state(5, slot),
        hidden: c.random(samples * units, 1.0),
        ids: c.ids(samples * targets, rows),
        table: c.random(held * units, 1.0),
        factors: c.random(samples * targets, 1.0),
        d_hidden: c.random(samples * units, 1.0),
        history: c.random((slot as usize + 1) * groups * 2, 1.0),
    };
    c.expect(bindings.state, 0.0);
    c.expect(bindings.factors, summed(units));
    c.expect(bindings.d_hidden, summed(targets * units));
    c.expect(bindings.history, summed(256 * targets));
    let params = Params {
        samples: samples as u32,
        units: units as u32,
        targets: targets as u32,
        groups: groups as u32,
        words: 7,
        first: first as u32,
        rows: held as u32,
        adds: adds as u32,
        positives: (targets / 2).max(1) as u32,
        weight: 0.5,
    };
    dispatch(params, bindings)
}
