//! Softmax cross-entropy from logits: loss, gradient and accuracy in one kernel.
//!
//! Loss `sum_j y_j (ln sum_i e^(z_i) - z_j)`, gradient `(softmax(z) sum_j y_j - y) / rows`; right
//! when the largest logit stands at the largest target, as Keras' `categorical_accuracy`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::state::{BATCH_SLOT, advance};
use super::{Adapter, Real, first_largest, sum, team};

kernel! {
    name: "categorical_crossentropy",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Classes.
        outputs: u32,
        /// Workgroups, [`groups`].
        groups: u32,
        /// 1: targets are class numbers `[rows, 1]`; 0: distributions `[rows, outputs]`.
        sparse: u32,
    },
    bindings: {
        /// The counters.
        state: write u32,
        /// `[rows, outputs]`
        logits: read f32,
        /// `[rows, 1]` or `[rows, outputs]`
        targets: read f32,
        /// `[rows, outputs]`
        d_logits: write f32,
        /// `[slots, groups, 2]`: sum of losses, count of right rows
        history: write f32,
    },
    variants: [
        "rows": {
            source: &[
                wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
                wgsl!("shared/history.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("shared/crossentropy_rows.wgsl"),
                wgsl!("categorical_crossentropy.wgsl"),
            ],
            workgroups: |p| [p.groups, 1, 1],
        },
        "eights": {
            source: &[
                wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
                wgsl!("shared/history.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("shared/crossentropy_rows.wgsl"),
                wgsl!("eights/categorical_crossentropy.wgsl"),
            ],
            workgroups: |p| [p.groups, 1, 1],
        },
        "wide": {
            source: &[
                "const STRIDED: bool = false;\n",
                wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
                wgsl!("shared/history.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("shared/crossentropy_rows.wgsl"),
                wgsl!("wide/categorical_crossentropy.wgsl"),
            ],
            workgroups: |p| [p.groups, 1, 1],
        },
        "wide_strided": {
            source: &[
                "const STRIDED: bool = true;\n",
                wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
                wgsl!("shared/history.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("shared/crossentropy_rows.wgsl"),
                wgsl!("wide/categorical_crossentropy.wgsl"),
            ],
            workgroups: |p| [p.groups, 1, 1],
        },
    ],
    choose: |p, adapter| match adapter {
        Adapter::Hardware if p.outputs as usize >= WIDE => "wide_strided",
        Adapter::Hardware if p.outputs >= EIGHTS => "eights",
        _ if p.outputs as usize >= WIDE => "wide",
        _ => "rows",
    },
    reference: reference,
    case: case,
    benches: [
        // Classes, and a vocabulary's words.
        ("256 x 100", [256, 100, 1, 1]),
        ("256 x 20000", [256, 20_000, 1, 0]),
    ],
}

/// Outputs from which on the invocations of a workgroup share a row.
pub(super) const WIDE: usize = 1024;

/// The same of hardware, eight invocations a row: lanes are slow alone and load together what lies together.
const EIGHTS: u32 = 4;

/// Workgroups among which rows are shared: at most 64, with 64 rows or more each; where rows are wide at
/// most 256, with one or more.
pub fn groups(rows: usize, outputs: usize) -> usize {
    match outputs >= WIDE {
        true => rows.clamp(1, 256),
        false => (rows / 64).clamp(1, 64),
    }
}

fn reference<T: Real>(
    p: &Params,
    state: &mut [u32],
    logits: &[T],
    targets: &[T],
    d_logits: &mut [T],
    history: &mut [T],
) {
    let (rows, outputs) = (p.rows as usize, p.outputs as usize);
    let stretch = rows.div_ceil(p.groups as usize);
    let scale = T::ONE / T::from_usize(rows);
    // The gradient first: each row's loss, and whether it is right, come back beside it.
    let mut losses = vec![(T::ZERO, false); rows];
    let row = |row: usize, d: &mut [T]| -> (T, bool) {
        let z = &logits[row * outputs..][..outputs];
        let answer = super::vectorised(
            #[inline(always)]
            || first_largest(z),
        );
        let largest = z[answer];
        super::vectorised(
            #[inline(always)]
            || d.iter_mut().zip(z).for_each(|(d, &z)| *d = (z - largest).exp()),
        );
        let normalizer = super::vectorised(
            #[inline(always)]
            || sum(d, d, |d, _| d),
        );
        if p.sparse == 1 {
            let truth = targets[row].to_f32() as usize;
            super::vectorised(
                #[inline(always)]
                || d.iter_mut().for_each(|d| *d = *d / normalizer * scale),
            );
            d[truth] -= scale;
            return (normalizer.ln() - (z[truth] - largest), answer == truth);
        }
        let y = &targets[row * outputs..][..outputs];
        let weight = super::vectorised(
            #[inline(always)]
            || sum(y, y, |y, _| y),
        );
        let inner = super::vectorised(
            #[inline(always)]
            || sum(y, z, |y, z| y * (z - largest)),
        );
        super::vectorised(
            #[inline(always)]
            || {
                for (d, &y) in d.iter_mut().zip(y) {
                    *d = (*d / normalizer * weight - y) * scale;
                }
            },
        );
        (normalizer.ln() * weight - inner, answer == first_largest(y))
    };
    let d_logits = &mut d_logits[..rows * outputs];
    let each_row = d_logits.chunks_exact_mut(outputs).zip(&mut losses).enumerate();
    team::each_where(rows * outputs >= 1 << 16, each_row, |(i, (d, loss))| *loss = row(i, d));
    let history = &mut history[(state[BATCH_SLOT] * p.groups * 2) as usize..];
    let groups = losses.chunks(stretch).chain(std::iter::repeat(&[][..]));
    for (totals, losses) in history.chunks_exact_mut(2).take(p.groups as usize).zip(groups) {
        totals[0] = losses.iter().map(|(loss, _)| *loss).sum();
        totals[1] = T::from_usize(losses.iter().filter(|(_, right)| *right).count());
    }
    advance(state, p.rows);
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, outputs, some, slot]: Sizes) -> Dispatch {
    let groups = if c.is_bench() { groups(rows, outputs) } else { some.min(64) };
    let sparse = slot % 2;
    c.moves(2 * rows * outputs + if sparse == 1 { rows } else { rows * outputs });
    let logits = c.random(rows * outputs, 40.0);
    let targets = match sparse {
        1 => c.classes(rows, outputs),
        _ => c.between(rows * outputs, 0.0, 1.0),
    };
    let bindings = Bindings {
        state: c.state(5, slot as u32),
        logits,
        targets,
        d_logits: c.output(rows * outputs, EXACT),
        history: c.output((slot + 1) * groups * 2, summed(rows * outputs)),
    };
    c.expect(bindings.state, 0.0);
    let params = Params {
        rows: rows as u32,
        outputs: outputs as u32,
        groups: groups as u32,
        sparse: sparse as u32,
    };
    dispatch(params, bindings)
}
