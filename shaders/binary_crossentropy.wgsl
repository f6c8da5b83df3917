// Binary cross-entropy from logits z and targets y, both [rows, outputs], in its stable form
// max(z, 0) - z y + ln(1 + e^-|z|), with its gradient (sigmoid(z) - y) / (rows outputs) and the
// count of right answers (z > 0 where y > 0.5). The loop over elements is shared/elementwise_loss.wgsl.

const FACTOR: f32 = 1.0;

fn term(z: f32, y: f32) -> vec3f {
    let loss = max(z, 0.0) - z * y + ln_1p_f32(exp_f32(-abs(z)));
    let right = (z > 0.0) == (y > 0.5);
    return vec3f(loss, sigmoid_f32(z) - y, select(0.0, 1.0, right));
}
