// Keys that are counted together; see src/kernels/radix_count.rs. Digits are of eight bits.
const RUN: u32 = 512u;
