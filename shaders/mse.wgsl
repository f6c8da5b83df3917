// Mean squared error of p = activation(z) against targets y, all [rows, outputs]: loss (p - y)^2,
// and its gradient with respect to z, 2 (p - y) activation'(p) / (rows outputs). Workgroup g sums
// its stretch of the elements into history[slot, g] = (sum of squares, 0); the host adds the
// groups and divides.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let count = params.rows * params.outputs;
    let stretch = (count + params.groups - 1u) / params.groups;
    let end = min((workgroup.x + 1u) * stretch, count);
    let scale = 2.0 / f32(count);
    var total = 0.0;
    for (var i = workgroup.x * stretch + local; i < end; i += 256u) {
        let p = activate(params.activation, logits[i]);
        let difference = p - targets[i];
        total += difference * difference;
        d_logits[i] = difference * activation_derivative(params.activation, p) * scale;
    }
    let totals = reduce(local, vec2f(total, 0.0));
    if local == 0u {
        let at = (state[BATCH_SLOT] * params.groups + workgroup.x) * 2u;
        history[at] = totals.x;
        history[at + 1u] = 0.0;
        if workgroup.x == 0u {
            advance(params.rows);
        }
    }
}
