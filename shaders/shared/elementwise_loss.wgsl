// The loss and gradient of a mean over elements, logits z and targets y [rows, outputs], by a term of each. The loss gives
// in front `term_at(i)` = (loss, derivative by element i's logit without FACTOR, 1 where the answer is right, else 0), most by
// a `term(z, y)` (shared/each_term.wgsl), and FACTOR: d_logits = FACTOR derivative / (rows outputs). In front stands too `weight_of(i)`, by which element i's loss and gradient
// are multiplied: that of its row, or 1. Workgroup g sums its stretch of the elements into
// history[slot, g] = (sum of losses, count right); the host adds the groups and divides. Ends the step.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let count = params.rows * params.outputs;
    let stretch = (count + params.groups - 1u) / params.groups;
    let end = min((workgroup.x + 1u) * stretch, count);
    let scale = FACTOR / f32(count);
    var totals = vec2f(0.0);
    for (var i = workgroup.x * stretch + local; i < end; i += 256u) {
        let here = term_at(i);
        let weight = weight_of(i);
        totals += vec2f(here.x * weight, here.z);
        d_logits[i] = here.y * scale * weight;
    }
    totals = reduce(local, totals);
    if local == 0u {
        record(workgroup.x, params.groups, totals, params.rows);
    }
}
