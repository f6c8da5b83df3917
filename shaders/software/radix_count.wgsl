// radix_count (see radix_count.wgsl) where a CPU plays the lanes: one invocation a run, which alone
// touches its column of `counts`, so that there are neither barriers nor atomics. Workgroups are one
// vector of eight, since a batch has few runs.

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let run = workgroup_index(workgroup, workgroups) * 8u + local;
    let runs = count_runs();
    if run >= runs {
        return;
    }
    for (var digit = 0u; digit < 256u; digit++) {
        counts[digit * runs + run] = 0u;
    }
    for (var i = run * params.run; i < min((run + 1u) * params.run, params.count); i++) {
        counts[((keys[i] >> params.shift) & 255u) * runs + run] += 1u;
    }
}
