// Runs of neighbouring keys, `params.run` each, that are counted together; see src/kernels/radix_count.rs. Digits are of eight
// bits.
fn count_runs() -> u32 {
    return (params.count + params.run - 1u) / params.run;
}
