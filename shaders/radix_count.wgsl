// First third of one pass of a stable radix sort of (key, value) pairs by eight bits of the key:
// counts[digit, run] is how often the digit stands in a run of neighbouring keys (shared/radix.wgsl).
// One workgroup a run, which counts in its own memory; sums of integers know no order.

var<workgroup> tally: array<atomic<u32>, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let run = workgroup_index(workgroup, workgroups);
    let runs = count_runs();
    atomicStore(&tally[local], 0u);
    workgroupBarrier();
    if run < runs {
        for (var i = run * params.run + local; i < min((run + 1u) * params.run, params.count); i += 256u) {
            atomicAdd(&tally[(keys[i] >> params.shift) & 255u], 1u);
        }
    }
    workgroupBarrier();
    if run < runs {
        counts[local * runs + run] = atomicLoad(&tally[local]);
    }
}
