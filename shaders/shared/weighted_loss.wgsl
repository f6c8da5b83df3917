// As shared/elementwise_loss.wgsl, with a weight for each row: loss and gradient of the row's elements are times it. The
// mean is over the elements as they are counted, whatever their weights, and so is the count of right answers.

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
        let here = term(logits[i], targets[i]);
        let weight = weights[i / params.outputs];
        totals += vec2f(here.x * weight, here.z);
        d_logits[i] = here.y * scale * weight;
    }
    totals = reduce(local, totals);
    if local == 0u {
        record(workgroup.x, params.groups, totals, params.rows);
    }
}
