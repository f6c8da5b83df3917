// Binary cross-entropy from logits z and targets y, both [rows, outputs], in its stable form
// max(z, 0) - z y + ln(1 + e^-|z|), with its gradient (sigmoid(z) - y) / (rows outputs) and the
// count of right answers (z > 0 where y > 0.5). Workgroup g sums its stretch of the elements into
// history[slot, g] = (sum of losses, count right); the host adds the groups and divides.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let count = params.rows * params.outputs;
    let stretch = (count + params.groups - 1u) / params.groups;
    let end = min((workgroup.x + 1u) * stretch, count);
    let scale = 1.0 / f32(count);
    var totals = vec2f(0.0);
    for (var i = workgroup.x * stretch + local; i < end; i += 256u) {
        let z = logits[i];
        let y = targets[i];
        let loss = max(z, 0.0) - z * y + ln_1p_f32(exp_f32(-abs(z)));
        let right = (z > 0.0) == (y > 0.5);
        totals += vec2f(loss, select(0.0, 1.0, right));
        d_logits[i] = (sigmoid_f32(z) - y) * scale;
    }
    totals = reduce(local, totals);
    if local == 0u {
        let at = (state[BATCH_SLOT] * params.groups + workgroup.x) * 2u;
        history[at] = totals.x;
        history[at + 1u] = totals.y;
        if workgroup.x == 0u {
            advance(params.rows);
        }
    }
}
