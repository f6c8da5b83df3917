//! Losses that are a mean over elements, `[rows, outputs]`, each of one term of a logit z and a target y:
//! [`super::binary_crossentropy`], [`super::mse`], [`super::mae`], [`super::huber`]. A loss brings its term, in WGSL
//! (`term(z, y)`, see `shaders/shared/elementwise_loss.wgsl`) and in its reference; the loop over elements, the sums of
//! each workgroup, the history and the end of the step are one.
//!
//! With a weight for each row ([`super::weighted_binary_crossentropy`], [`super::weighted_mse`], [`super::weighted_mae`],
//! [`super::weighted_huber`]) loss and gradient are times the row's; the mean is over the elements as they are counted, whatever their weights
//! (Keras' `sum_over_batch_size`), and so is the count of right answers.

use super::state::{BATCH_SLOT, advance};
use super::{Activation, Real, for_stretches, sum, vectorised};

/// Workgroups among which a loss over `count` elements is shared: at most 64, with 4,096
/// elements or more each.
pub fn groups(count: usize) -> usize {
    (count / 4096).clamp(1, 64)
}

/// Declares the kernel of such a loss: `kernel!` with `params` behind rows, outputs and groups, each with the value that
/// cases give it by their slot, with `weights: weights` if rows have weights, a binding more, with `windows: windows` if it reads
/// what windows of pictures have given, and with `logits`, how large
/// they are drawn there, and `targets`, how those are.
macro_rules! elementwise_loss {
    (
        name: $name:literal,
        params: { $($(#[$field_doc:meta])* $field:ident: $field_type:ident = $value:expr,)* },
        $(weights: $weights:ident,)?
        $(windows: $windows:ident,)?
        source: [$($source:expr),* $(,)?],
        $(loop_iterations: $loop_iterations:expr,)?
        reference: $reference:path,
        case: { logits: $scale:literal, targets: $targets:expr, },
        benches: $benches:expr,
    ) => {
        kernel! {
            name: $name,
            params: {
                /// Rows of the batch.
                rows: u32,
                /// Outputs of a row.
                outputs: u32,
                /// Workgroups, [`groups`](super::elementwise_loss::groups).
                groups: u32,
                $($(#[$field_doc])* $field: $field_type,)*
            },
            bindings: {
                /// The counters.
                state: write u32,
                /// `[rows, outputs]`: pre-activations.
                logits: read f32,
                /// `[rows, outputs]`
                targets: read f32,
                $(
                    /// `[rows]`
                    $weights: read f32,
                )?
                $(
                    /// `[rows, outputs, 4]`: see [`super::ssim_windows`].
                    $windows: read f32 as vec4f,
                )?
                /// `[rows, outputs]`
                d_logits: write f32,
                /// `[slots, groups, 2]`: sum of losses, times their weights where there are some, count of right elements.
                history: write f32,
            },
            source: &[
                wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
                wgsl!("shared/history.wgsl"), wgsl!("shared/reduce.wgsl"),
                $($source,)* elementwise_loss!(@weight_of $($weights)?),
                wgsl!("shared/elementwise_loss.wgsl"),
            ],
            workgroups: |p| [p.groups, 1, 1],
            $(loop_iterations: $loop_iterations,)?
            reference: $reference,
            case: case,
            benches: $benches,
        }

        /// Tests and benches: see `case.rs`.
        #[cfg(feature = "unstable")]
        fn case(c: &mut Case, [rows, outputs, some, slot]: Sizes) -> Dispatch {
            let count = rows * outputs;
            c.moves(3 * count);
            let groups = match c.is_bench() {
                true => $crate::kernels::elementwise_loss::groups(count),
                false => some.min(64),
            };
            let targets: fn(&mut Case, usize) -> Span = $targets;
            let bindings = Bindings {
                state: c.state(5, slot as u32),
                logits: c.random(count, $scale),
                targets: targets(c, count),
                $($weights: c.between(rows, 0.0, 3.0),)?
                $($windows: c.random(4 * count, 1.0),)?
                d_logits: c.output(count, elementwise_loss!(@tolerance $($windows)?)),
                history: c.output((slot + 1) * groups * 2, summed(count)),
            };
            c.expect(bindings.state, 0.0);
            $(
                let $field: fn(usize) -> $field_type = $value;
                let $field = $field(slot);
            )*
            let (rows, outputs, groups) = (rows as u32, outputs as u32, groups as u32);
            dispatch(Params { rows, outputs, groups, $($field),* }, bindings)
        }
    };
    (@tolerance) => { EXACT };
    (@tolerance windows) => { summed(3 * 49) };
    (@weight_of) => { "fn weight_of(i: u32) -> f32 {\n    return 1.0;\n}\n\n" };
    (@weight_of weights) => {
        "fn weight_of(i: u32) -> f32 {\n    return weights[i / params.outputs];\n}\n\n"
    };
}
pub(crate) use elementwise_loss;

/// Elements whose loss is computed at once, at most: they stay in the first cache.
pub const BLOCK: usize = 512;

/// What a reference of such a loss is given.
pub struct Elements<'a, T> {
    /// Rows, outputs, groups.
    pub size: [u32; 3],
    /// The counters.
    pub state: &'a mut [u32],
    /// `[rows, outputs]`
    pub logits: &'a [T],
    /// `[rows, outputs]`
    pub targets: &'a [T],
    /// `[rows]`, where rows have weights.
    pub weights: Option<&'a [T]>,
    /// `[rows, outputs]`
    pub d_logits: &'a mut [T],
    /// `[slots, groups, 2]`
    pub history: &'a mut [T],
}

impl<T: Real> Elements<'_, T> {
    /// A loss of p = activation(z) and y: `loss(p, y)`, and its derivative by p, `factor derivative(p, y)`. Mark both
    /// `#[inline(always)]`, so that their loops vectorise.
    pub fn of_answers(
        self,
        activation: u32,
        factor: f32,
        loss: impl Fn(T, T) -> T + Send + Sync,
        derivative: impl Fn(T, T) -> T + Send + Sync,
    ) {
        let activation = Activation::from_code(activation);
        self.of_blocks(factor, |logits, targets, scale, derivatives| {
            let mut answers = [T::ZERO; BLOCK];
            let answers = &mut answers[..logits.len()];
            answers.copy_from_slice(logits);
            activation.apply_all(answers);
            let total = vectorised(
                #[inline(always)]
                || {
                    let total = sum(answers, targets, &loss);
                    for ((d, &p), &y) in derivatives.iter_mut().zip(&*answers).zip(targets) {
                        *d = derivative(p, y) * scale;
                    }
                    total
                },
            );
            activation.scale_by_derivative(derivatives, answers);
            (total, 0)
        });
    }

    /// A loss whose terms see other elements of their row: `term(answers, i)` is element i's loss, and its derivative by p_i over
    /// `factor`, of all answers p = activation(z).
    pub fn of_neighbours(
        self,
        activation: u32,
        factor: f32,
        term: impl Fn(&[T], usize) -> (T, T) + Send + Sync,
    ) {
        let Elements { size: [rows, outputs, groups], state, logits, weights, .. } = self;
        let (count, outputs) = ((rows * outputs) as usize, outputs as usize);
        let activation = Activation::from_code(activation);
        let mut answers = logits[..count].to_vec();
        activation.apply_all(&mut answers);
        let scale = T::from_f32(factor) / T::from_usize(count);
        let history = &mut self.history[(state[BATCH_SLOT] * groups * 2) as usize..];
        let d_logits = &mut self.d_logits[..count];
        for_stretches(d_logits, history, groups as usize, |start, d, totals| {
            let mut total = T::ZERO;
            for (i, d) in (start..).zip(d) {
                let (loss, derivative) = term(&answers, i);
                let of_row = weights.map_or(T::ONE, |weights| weights[i / outputs]);
                total += loss * of_row;
                let mut slope = [derivative * scale * of_row];
                activation.scale_by_derivative(&mut slope, &answers[i..=i]);
                *d = slope[0];
            }
            totals.copy_from_slice(&[total, T::ZERO]);
        });
        advance(state, rows);
    }

    /// `block(logits, targets, scale, derivatives)` writes the derivatives by the logits times `scale`, of [`BLOCK`] elements or
    /// fewer, and returns the sum of their losses and how many answers are right. `factor` stands before all derivatives.
    pub fn of_blocks(
        self,
        factor: f32,
        block: impl Fn(&[T], &[T], T, &mut [T]) -> (T, u32) + Send + Sync,
    ) {
        let Elements { size: [rows, outputs, groups], state, logits, targets, weights, .. } = self;
        let (count, width) = ((rows * outputs) as usize, outputs as usize);
        let scale = T::from_f32(factor) / T::from_usize(count);
        let history = &mut self.history[(state[BATCH_SLOT] * groups * 2) as usize..];
        let d_logits = &mut self.d_logits[..count];
        for_stretches(d_logits, history, groups as usize, |start, d_logits, totals| {
            let (mut total, mut right, mut done) = (T::ZERO, 0, 0);
            while done < d_logits.len() {
                let at = start + done;
                let left = BLOCK.min(d_logits.len() - done);
                // Elements of one row where it has a weight.
                let len = if weights.is_some() { left.min(width - at % width) } else { left };
                let d = &mut d_logits[done..][..len];
                let (logits, targets) = (&logits[at..][..len], &targets[at..][..len]);
                // Scale and weight are multiplied last where there is one, as the shader does.
                let first_scale = if weights.is_some() { T::ONE } else { scale };
                let (loss, right_ones) = block(logits, targets, first_scale, d);
                right += right_ones;
                done += len;
                let Some(weight) = weights.map(|weights| weights[at / width]) else {
                    total += loss;
                    continue;
                };
                total += loss * weight;
                vectorised(
                    #[inline(always)]
                    || d.iter_mut().for_each(|d| *d = *d * scale * weight),
                );
            }
            totals.copy_from_slice(&[total, T::from_usize(right as usize)]);
        });
        advance(state, rows);
    }
}
