// radix_scan (see radix_scan.wgsl) where a CPU plays the lanes: one invocation a digit.

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
    let digit = workgroup.x * 8u + local;
    let runs = count_runs();
    var before = 0u;
    for (var i = digit * runs; i < (digit + 1u) * runs; i++) {
        let here = counts[i];
        counts[i] = before;
        before += here;
    }
    totals[digit] = before;
}
