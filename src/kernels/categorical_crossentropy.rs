//! Softmax cross-entropy from logits: loss, gradient and accuracy in one kernel.
//!
//! Loss `sum_j y_j (ln sum_i e^(z_i) - z_j)`, gradient `(softmax(z) sum_j y_j - y) / rows`; right
//! when the largest logit stands at the largest target, as Keras' `categorical_accuracy`.

use super::Real;
use super::state::{BATCH_SLOT, advance};

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
    source: &[
        wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
        wgsl!("shared/reduce.wgsl"), wgsl!("categorical_crossentropy.wgsl"),
    ],
    workgroups: |p| [p.groups, 1, 1],
    twin: twin,
}

/// Workgroups among which `rows` rows are shared: at most 64, with 64 rows or more each.
pub fn groups(rows: usize) -> usize {
    (rows / 64).clamp(1, 64)
}

fn twin<T: Real>(
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
    let target = |row: usize, column: usize| match p.sparse {
        1 if targets[row].to_f32() as usize == column => T::ONE,
        1 => T::ZERO,
        _ => targets[row * outputs + column],
    };
    let history = &mut history[(state[BATCH_SLOT] * p.groups * 2) as usize..];
    for (group, totals) in history.chunks_exact_mut(2).take(p.groups as usize).enumerate() {
        totals.fill(T::ZERO);
        for row in (group * stretch).min(rows)..((group + 1) * stretch).min(rows) {
            let z = &logits[row * outputs..][..outputs];
            let first_largest = |value: &dyn Fn(usize) -> T| {
                (1..outputs).fold(0, |best, j| if value(j) > value(best) { j } else { best })
            };
            let answer = first_largest(&|j| z[j]);
            let largest = z[answer];
            let d = &mut d_logits[row * outputs..][..outputs];
            d.iter_mut().zip(z).for_each(|(d, &z)| *d = (z - largest).exp());
            let normalizer: T = d.iter().copied().sum();
            let weight: T = (0..outputs).map(|j| target(row, j)).sum();
            let inner: T = (0..outputs).map(|j| target(row, j) * (z[j] - largest)).sum();
            for (j, d) in d.iter_mut().enumerate() {
                *d = (*d / normalizer * weight - target(row, j)) * scale;
            }
            totals[0] += normalizer.ln() * weight - inner;
            if answer == first_largest(&|j| target(row, j)) {
                totals[1] += T::ONE;
            }
        }
    }
    advance(state, p.rows);
}
