// Huber's loss of p = activation(z) against targets y, all [rows, outputs], with e = p - y: e^2 / 2 where |e| <= delta,
// else delta (|e| - delta / 2); and its gradient with respect to z, clamp(e, -delta, delta) activation'(p) / (rows
// outputs). The loop over elements is shared/elementwise_loss.wgsl.

const FACTOR: f32 = 1.0;

fn term(z: f32, y: f32) -> vec3f {
    let p = activate(params.activation, z);
    let e = p - y;
    let slope = activation_derivative(params.activation, p);
    // Written so that a NaN stays one.
    if abs(e) > params.delta {
        let loss = params.delta * (abs(e) - 0.5 * params.delta);
        return vec3f(loss, select(-params.delta, params.delta, e > 0.0) * slope, 0.0);
    }
    return vec3f(0.5 * e * e, e * slope, 0.0);
}
