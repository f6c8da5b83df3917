// Mean absolute error of p = activation(z) against targets y, all [rows, outputs]: loss |p - y|, and its gradient with
// respect to z, sign(p - y) activation'(p) / (rows outputs), 0 where p is y. The loop over elements is
// shared/elementwise_loss.wgsl.

const FACTOR: f32 = 1.0;

fn term(z: f32, y: f32) -> vec3f {
    let p = activate(params.activation, z);
    let e = p - y;
    // Written so that a NaN stays one.
    let direction = select(select(e, -1.0, e < 0.0), 1.0, e > 0.0);
    return vec3f(abs(e), direction * activation_derivative(params.activation, p), 0.0);
}
