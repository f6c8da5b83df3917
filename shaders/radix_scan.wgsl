// Second third of a pass of the radix sort: each digit's row of `counts` [256, runs] becomes its
// exclusive prefix sum, the digit's keys in the runs before, and totals[digit] its sum.
// One workgroup a digit: blocks of 256 counts.

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
    let runs = count_runs();
    var before = 0u;
    for (var block = 0u; block < runs; block += 256u) {
        let at = workgroup.x * runs + block + local;
        let is_inside = block + local < runs;
        var here = 0u;
        if is_inside {
            here = counts[at];
        }
        let sum = prefix_sum(local, here);
        if is_inside {
            counts[at] = before + sum - here;
        }
        before += prefix_sums[255];
        workgroupBarrier();
    }
    if local == 0u {
        totals[workgroup.x] = before;
    }
}
