//! Mean squared error, through the output's activation: loss and gradient in one kernel.
//!
//! With p = activation(z): loss `(p - y)^2`, gradient by z
//! `2 (p - y) activation'(p) / (rows outputs)`.

use super::state::{BATCH_SLOT, advance};
use super::{Activation, Real, sum, vectorised};

kernel! {
    name: "mse",
    params: {
        /// Rows of the batch.
        rows: u32,
        /// Outputs of a row.
        outputs: u32,
        /// Workgroups, [`super::binary_crossentropy::groups`].
        groups: u32,
        /// [`Activation::code`] of the output.
        activation: u32,
    },
    bindings: {
        /// The counters.
        state: write u32,
        /// `[rows, outputs]`: pre-activations.
        logits: read f32,
        /// `[rows, outputs]`
        targets: read f32,
        /// `[rows, outputs]`
        d_logits: write f32,
        /// `[slots, groups, 2]`: sum of squares, 0
        history: write f32,
    },
    source: &[
        wgsl!("shared/math.wgsl"), wgsl!("shared/activation.wgsl"), wgsl!("shared/state.wgsl"),
        wgsl!("shared/advance.wgsl"), wgsl!("shared/reduce.wgsl"), wgsl!("mse.wgsl"),
    ],
    workgroups: |p| [p.groups, 1, 1],
    twin: twin,
}

fn twin<T: Real>(
    p: &Params,
    state: &mut [u32],
    logits: &[T],
    targets: &[T],
    d_logits: &mut [T],
    history: &mut [T],
) {
    let count = (p.rows * p.outputs) as usize;
    let activation = Activation::from_code(p.activation);
    let (logits, targets) = (&logits[..count], &targets[..count]);
    let d_logits = &mut d_logits[..count];
    let stretch = count.div_ceil(p.groups as usize);
    let scale = T::from_f32(2.0) / T::from_usize(count);
    let history = &mut history[(state[BATCH_SLOT] * p.groups * 2) as usize..];
    for (group, totals) in history.chunks_exact_mut(2).take(p.groups as usize).enumerate() {
        let start = (group * stretch).min(count);
        let range = start..(start + stretch).min(count);
        let (logits, targets) = (&logits[range.clone()], &targets[range.clone()]);
        let d_logits = &mut d_logits[range];
        d_logits.copy_from_slice(logits);
        activation.apply_all(d_logits);
        vectorised(|| {
            totals[0] = sum(targets.len(), |i| {
                let difference = d_logits[i] - targets[i];
                difference * difference
            });
            for (d, &y) in d_logits.iter_mut().zip(targets) {
                let p = *d;
                *d = (p - y) * activation.derivative(p) * scale;
            }
        });
        totals[1] = T::ZERO;
    }
    advance(state, p.rows);
}
