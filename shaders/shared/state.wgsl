// Words of `state`, the counters that replace the host inside a step; see src/kernels/state.rs.
const CURSOR: u32 = 0u;
const STEP: u32 = 1u;
const SLOT: u32 = 2u;
const BATCH_STEP: u32 = 3u;
const BATCH_SLOT: u32 = 4u;
const BASE: u32 = 5u;
const LAST_SLOT: u32 = 6u;
const EPOCH_ROWS: u32 = 7u;
const TABLE_ROWS: u32 = 8u;
