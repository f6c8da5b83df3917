//! Losses that are a mean over elements, `[rows, outputs]`, with a weight for each row: [`super::weighted_binary_crossentropy`],
//! [`super::weighted_mse`], [`super::weighted_huber`]. As `elementwise_loss.rs`, whose terms they take, with loss and
//! gradient times the row's weight; the mean is over the elements as they are counted, whatever their weights (Keras'
//! `sum_over_batch_size`), and so is the count of right answers.

use super::state::{BATCH_SLOT, advance};
use super::{Real, for_stretches};

/// Declares the kernel of such a loss: as `elementwise_loss!`.
macro_rules! weighted_loss {
    (
        name: $name:literal,
        params: { $($(#[$field_doc:meta])* $field:ident: $field_type:ident = $value:expr,)* },
        source: [$($source:expr),* $(,)?],
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
                /// `[rows]`
                weights: read f32,
                /// `[rows, outputs]`
                d_logits: write f32,
                /// `[slots, groups, 2]`: sum of weighted losses, count of right elements.
                history: write f32,
            },
            source: &[
                wgsl!("shared/math.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/advance.wgsl"),
                wgsl!("shared/history.wgsl"), wgsl!("shared/reduce.wgsl"),
                $($source,)* wgsl!("shared/weighted_loss.wgsl"),
            ],
            workgroups: |p| [p.groups, 1, 1],
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
                weights: c.between(rows, 0.0, 3.0),
                d_logits: c.output(count, EXACT),
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
}
pub(crate) use weighted_loss;

/// What a reference of such a loss is given.
pub struct WeightedElements<'a, T> {
    /// Rows, outputs, groups.
    pub size: [u32; 3],
    /// The counters.
    pub state: &'a mut [u32],
    /// `[rows, outputs]`
    pub logits: &'a [T],
    /// `[rows, outputs]`
    pub targets: &'a [T],
    /// `[rows]`
    pub weights: &'a [T],
    /// `[rows, outputs]`
    pub d_logits: &'a mut [T],
    /// `[slots, groups, 2]`
    pub history: &'a mut [T],
}

impl<T: Real> WeightedElements<'_, T> {
    /// `term(z, y)` is the loss, its derivative by z without `factor`, and whether the answer is right.
    pub fn of_terms(self, factor: f32, term: impl Fn(T, T) -> (T, T, bool) + Send + Sync) {
        let WeightedElements { size: [rows, outputs, groups], state, logits, .. } = self;
        let (targets, weights) = (self.targets, self.weights);
        let (count, width) = ((rows * outputs) as usize, outputs as usize);
        let scale = T::from_f32(factor) / T::from_usize(count);
        let history = &mut self.history[(state[BATCH_SLOT] * groups * 2) as usize..];
        let d_logits = &mut self.d_logits[..count];
        for_stretches(d_logits, history, groups as usize, |start, d_logits, totals| {
            let mut total = [T::ZERO; 2];
            for (i, d) in (start..).zip(d_logits) {
                let (loss, derivative, right) = term(logits[i], targets[i]);
                let weight = weights[i / width];
                total[0] += loss * weight;
                total[1] += if right { T::ONE } else { T::ZERO };
                *d = derivative * scale * weight;
            }
            totals.copy_from_slice(&total);
        });
        advance(state, rows);
    }
}
