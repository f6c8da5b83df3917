// The inclusive prefix sum of `value` over the 256 invocations of a workgroup, in log2(256) rounds; every
// invocation must call it. `prefix_sums` holds all of them afterwards.
var<workgroup> prefix_sums: array<u32, 256>;

fn prefix_sum(local: u32, value: u32) -> u32 {
    prefix_sums[local] = value;
    workgroupBarrier();
    for (var step = 1u; step < 256u; step *= 2u) {
        let add = select(0u, prefix_sums[max(local, step) - step], local >= step);
        workgroupBarrier();
        prefix_sums[local] += add;
        workgroupBarrier();
    }
    return prefix_sums[local];
}
