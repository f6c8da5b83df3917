//! Mean squared error, through the output's activation: loss and gradient in one kernel.
//!
//! With p = activation(z): loss `(p - y)^2`, gradient by z
//! `2 (p - y) activation'(p) / (rows outputs)`.

#[cfg(feature = "unstable")]
use super::case::*;
use super::state::{BATCH_SLOT, advance};
use super::{Activation, Real, for_stretches, sum, vectorised};

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
    reference: reference,
    case: case,
    benches: [("256 x 784", [256, 784, 1, 0])],
}

fn reference<T: Real>(
    p: &Params,
    state: &mut [u32],
    logits: &[T],
    targets: &[T],
    d_logits: &mut [T],
    history: &mut [T],
) {
    let count = (p.rows * p.outputs) as usize;
    let activation = Activation::from_code(p.activation);
    let scale = T::from_f32(2.0) / T::from_usize(count);
    let history = &mut history[(state[BATCH_SLOT] * p.groups * 2) as usize..];
    let d_logits = &mut d_logits[..count];
    for_stretches(d_logits, history, p.groups as usize, |start, d_logits, totals| {
        const BLOCK: usize = 512;
        let mut total = T::ZERO;
        for (i, d_logits) in d_logits.chunks_mut(BLOCK).enumerate() {
            let at = start + i * BLOCK;
            let mut answers = [T::ZERO; BLOCK];
            let answers = &mut answers[..d_logits.len()];
            answers.copy_from_slice(&logits[at..][..answers.len()]);
            activation.apply_all(answers);
            let targets = &targets[at..][..answers.len()];
            vectorised(
                #[inline(always)]
                || {
                    total += sum(
                        answers,
                        targets,
                        #[inline(always)]
                        |p, y| (p - y) * (p - y),
                    );
                    for ((d, &p), &y) in d_logits.iter_mut().zip(&*answers).zip(targets) {
                        *d = (p - y) * scale;
                    }
                },
            );
            activation.scale_by_derivative(d_logits, answers);
        }
        totals.copy_from_slice(&[total, T::ZERO]);
    });
    advance(state, p.rows);
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [rows, outputs, some, slot]: Sizes) -> Dispatch {
    c.moves(3 * rows * outputs);
    let groups = if c.is_bench() {
        super::binary_crossentropy::groups(rows * outputs)
    } else {
        some.min(64)
    };
    let bindings = Bindings {
        state: c.state(5, slot as u32),
        logits: c.random(rows * outputs, 3.0),
        targets: c.random(rows * outputs, 1.0),
        d_logits: c.output(rows * outputs, EXACT),
        history: c.output((slot + 1) * groups * 2, summed(rows * outputs)),
    };
    c.expect(bindings.state, 0.0);
    let activation = (slot % 4) as u32;
    let (rows, outputs, groups) = (rows as u32, outputs as u32, groups as u32);
    dispatch(Params { rows, outputs, groups, activation }, bindings)
}
