// Mean squared error of p = activation(z) against targets y, all [rows, outputs]: loss (p - y)^2,
// and its gradient with respect to z, 2 (p - y) activation'(p) / (rows outputs). The loop over elements is
// shared/elementwise_loss.wgsl.

const FACTOR: f32 = 2.0;

fn term(z: f32, y: f32) -> vec3f {
    let p = activate(params.activation, z);
    let e = p - y;
    return vec3f(e * e, e * activation_derivative(params.activation, p), 0.0);
}
