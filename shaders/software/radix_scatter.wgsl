// radix_scatter (see radix_scatter.wgsl) where a CPU plays the lanes: one invocation a run, which
// advances its own places in `counts`. Workgroups are one vector of eight, whose barriers are free.

var<workgroup> sums: array<u32, 8>;
var<workgroup> smaller: array<u32, 256>;

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    // Keys with smaller digits, by digit: each invocation sums 32 of them.
    var sum = 0u;
    for (var digit = local * 32u; digit < (local + 1u) * 32u; digit++) {
        sum += totals[digit];
    }
    sums[local] = sum;
    workgroupBarrier();
    var before = 0u;
    for (var lane = 0u; lane < local; lane++) {
        before += sums[lane];
    }
    for (var digit = local * 32u; digit < (local + 1u) * 32u; digit++) {
        smaller[digit] = before;
        before += totals[digit];
    }
    workgroupBarrier();

    let run = workgroup_index(workgroup, workgroups) * 8u + local;
    let runs = count_runs();
    if run >= runs {
        return;
    }
    for (var i = run * params.run; i < min((run + 1u) * params.run, params.count); i++) {
        let key = keys[i];
        let digit = (key >> params.shift) & 255u;
        let here = counts[digit * runs + run];
        counts[digit * runs + run] = here + 1u;
        let place = smaller[digit] + here;
        sorted_keys[place] = key;
        if params.first == 1u {
            sorted_values[place] = i;
        } else {
            sorted_values[place] = values[i];
        }
    }
}
