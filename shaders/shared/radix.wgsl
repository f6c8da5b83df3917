// Keys that one invocation of the radix sort owns; see src/kernels/radix_count.rs.
const RUN: u32 = 256u;
