// Sorted pairs that one invocation of the embedding gradient walks; see
// src/kernels/embedding_gradient_runs.rs.
const TILE: u32 = 64u;
