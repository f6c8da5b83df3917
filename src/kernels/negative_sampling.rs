//! Negative sampling (Mikolov et al. 2013): loss and derivatives of samples with one right and
//! several wrong words, from logits in the loss's stable form.

#[cfg(feature = "unstable")]
use super::case::*;
use super::state::{BATCH_SLOT, advance};
use super::{Real, dot, for_costly_rows};

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
        /// How much a wrong word counts for each of several right ones.
        weight: f32,
    },
    bindings: {
        /// The counters.
        state: write u32,
        /// `[samples, units]`
        hidden: read f32,
        /// `[samples, targets]`; 0 counts nothing.
        ids: read u32,
        /// `[rows, units]`: vectors of words as targets.
        table: read f32,
        /// `[samples, targets]`: derivative by the product of `hidden` and the target's vector.
        factors: write f32,
        /// `[samples, units]`: derivative by `hidden`.
        d_hidden: write f32,
        /// `[slots, groups, 2]`: sum of losses, samples that count
        history: write f32,
    },
    source: &[
        wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
        wgsl!("shared/history.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("negative_sampling.wgsl"),
    ],
    workgroups: |p| [p.groups, 1, 1],
    loop_iterations: |p| (2 * p.targets as u64 + 2) * (p.units as u64 + 2) + p.positives as u64,
    reference: reference,
    case: case,
    benches: [
        // A step of skip-gram: 1,024 words with 6 samples of 1 right and 5 wrong words.
        ("6144 x 6 of 20000 x 100", [6144, 100, 20_000, 6]),
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
    let ids = &ids[..samples * targets];
    // The products of each sample first, then their loss, then what they give to `hidden`.
    for_costly_rows(&mut factors[..samples * targets], targets, units * targets, |first, rows| {
        super::vectorised(
            #[inline(always)]
            || {
                for (s, row) in (first..).zip(rows.chunks_exact_mut(targets)) {
                    let h = &hidden[s * units..][..units];
                    for (factor, &id) in row.iter_mut().zip(&ids[s * targets..]) {
                        if let Some(at) = place(p, id) {
                            *factor = dot(h, &table[at..][..units]);
                        }
                    }
                }
            },
        );
    });
    let history = &mut history[(state[BATCH_SLOT] * p.groups * 2) as usize..];
    let groups = ids.chunks(256 * targets).zip(factors.chunks_mut(256 * targets));
    for ((ids, factors), totals) in groups.zip(history.chunks_exact_mut(2)) {
        if p.adds == 0 {
            totals.fill(T::ZERO);
        }
        let samples = ids.chunks_exact(targets).zip(factors.chunks_exact_mut(targets));
        for (ids, factors) in samples {
            let positives = p.positives as usize;
            let right = ids[..positives].iter().filter(|&&id| id != 0).count();
            let right = T::from_f32(right as f32);
            let wrong = if positives == 1 { T::ONE } else { T::from_f32(p.weight) * right };
            for (t, (&id, factor)) in ids.iter().zip(factors).enumerate() {
                if id == 0 {
                    *factor = T::ZERO;
                } else if place(p, id).is_some() {
                    let product = *factor;
                    let (y, weight) =
                        if t < positives { (T::ONE, T::ONE) } else { (T::ZERO, wrong) };
                    *factor = weight * (product.sigmoid() - y);
                    totals[0] += weight
                        * (product.max(T::ZERO) - product * y + (-product.abs()).exp().ln_1p());
                }
            }
            if p.adds == 0 {
                totals[1] += right;
            }
        }
    }
    let factors = &*factors;
    for_costly_rows(&mut d_hidden[..samples * units], units, units * targets, |first, rows| {
        super::vectorised(
            #[inline(always)]
            || {
                for (s, row) in (first..).zip(rows.chunks_exact_mut(units)) {
                    if p.adds == 0 {
                        row.fill(T::ZERO);
                    }
                    let factors = &factors[s * targets..][..targets];
                    for (&factor, &id) in factors.iter().zip(&ids[s * targets..]) {
                        let Some(at) = place(p, id).filter(|_| id != 0) else { continue };
                        let vector = &table[at..][..units];
                        row.iter_mut().zip(vector).for_each(|(d, &value)| *d += factor * value);
                    }
                }
            },
        );
    });
    advance(state, p.words);
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
