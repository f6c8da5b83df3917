//! The counters that replace the host inside a step: eight words in a device buffer.
//!
//! The first kernel of a step (`gather_batch`) reads CURSOR, STEP and SLOT and writes BATCH_STEP
//! and BATCH_SLOT; everything between reads only those two; the kernel that ends the forward
//! pass (a loss, or `store_rows`) moves CURSOR, STEP and SLOT on. So no word is read and written
//! by different invocations of one dispatch.

/// Rows of the order that earlier batches took. The host sets it before a run.
pub const CURSOR: usize = 0;
/// Steps of the optimizer done.
pub const STEP: usize = 1;
/// Slot of the loss history that the next batch writes. The host sets it before a run.
pub const SLOT: usize = 2;
/// The number of the step under way, from 1.
pub const BATCH_STEP: usize = 3;
/// The slot of the step under way.
pub const BATCH_SLOT: usize = 4;
/// Number in the data set of the order's row 0, where rows are streamed in their own order.
pub const BASE: usize = 5;
/// The slot behind the last of a run of `small_steps`. The host sets it before the run.
pub const LAST_SLOT: usize = 6;
/// Rows of an epoch, for `small_steps`: the last batch is of what is left.
pub const EPOCH_ROWS: usize = 7;
/// Words in the buffer; `small_steps` has more behind them.
pub const WORDS: usize = 8;
/// Rows of an embedding, for `small_steps`.
pub const TABLE_ROWS: usize = 8;
/// First word of `small_steps`' layers.
pub const LAYERS: usize = 9;

/// What the end of a forward pass does: `rows` of the order are taken, one slot is written.
pub(crate) fn advance(state: &mut [u32], rows: u32) {
    state[CURSOR] += rows;
    state[STEP] = state[BATCH_STEP];
    state[SLOT] = state[BATCH_SLOT] + 1;
}
