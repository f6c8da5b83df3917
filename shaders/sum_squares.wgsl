// partials[first + g] = the sum of the squares of gradients [count] from g STRETCH on, STRETCH of them, in a
// fixed order. One workgroup a stretch.

const STRETCH: u32 = 4096u;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let group = workgroup_index(workgroup, workgroups);
    let start = group * STRETCH;
    let end = min(start + STRETCH, params.count);
    var total = 0.0;
    for (var i = start + local; i < end; i += 256u) {
        total += gradients[i] * gradients[i];
    }
    let totals = reduce(local, vec2f(total, 0.0));
    if local == 0u && start < params.count {
        partials[params.first + group] = totals.x;
    }
}
