// Huber's loss of p = activation(z) against targets y, all [rows, outputs], with e = p - y: e^2 / 2 where |e| <= delta,
// else delta (|e| - delta / 2); and its gradient with respect to z, clamp(e, -delta, delta) activation'(p) / (rows
// outputs). Workgroup g sums its stretch of the elements into history[slot, g] = (sum of losses, 0); the host
// adds the groups and divides.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let count = params.rows * params.outputs;
    let stretch = (count + params.groups - 1u) / params.groups;
    let end = min((workgroup.x + 1u) * stretch, count);
    let scale = 1.0 / f32(count);
    var total = 0.0;
    for (var i = workgroup.x * stretch + local; i < end; i += 256u) {
        let p = activate(params.activation, logits[i]);
        let e = p - targets[i];
        // Written so that a NaN stays one.
        if abs(e) > params.delta {
            total += params.delta * (abs(e) - 0.5 * params.delta);
            d_logits[i] = select(-params.delta, params.delta, e > 0.0) * activation_derivative(params.activation, p) * scale;
        } else {
            total += 0.5 * e * e;
            d_logits[i] = e * activation_derivative(params.activation, p) * scale;
        }
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
