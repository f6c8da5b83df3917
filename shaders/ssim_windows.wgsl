// The structural similarity S of each window of 7 x 7 pixels of the answers p = activation(z) and the targets y, both
// [rows, outputs], a row being a picture [height, width, channels] and each channel by itself; and its gradient with respect
// to the window's pixels, dS / dp_j = a + b y_j + c p_j. windows[row, pixel, channel] = (S, a, b, c) of the window whose first pixel
// that is, zeros where it would leave the picture. Formulas: src/kernels/ssim_windows.rs.

const WINDOW: u32 = 7u;
const PIXELS: f32 = 49.0;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= params.rows * params.outputs {
        return;
    }
    let place = i % params.outputs;
    let line = params.width * params.channels;
    let column = place % line;
    if column + (WINDOW - 1u) * params.channels >= line || place + (WINDOW - 1u) * line >= params.outputs {
        windows[i] = vec4f(0.0);
        return;
    }
    var means = vec2f(0.0);
    for (var y = 0u; y < WINDOW; y++) {
        for (var x = 0u; x < WINDOW; x++) {
            let at = i + y * line + x * params.channels;
            means += vec2f(activate(params.activation, logits[at]), targets[at]);
        }
    }
    means /= PIXELS;
    // Squares of p, squares of y, products.
    var sums = vec3f(0.0);
    for (var y = 0u; y < WINDOW; y++) {
        for (var x = 0u; x < WINDOW; x++) {
            let at = i + y * line + x * params.channels;
            let p = activate(params.activation, logits[at]) - means.x;
            let t = targets[at] - means.y;
            sums += vec3f(p * p, t * t, p * t);
        }
    }
    sums /= PIXELS - 1.0;
    let c1 = (0.01 * params.range) * (0.01 * params.range);
    let c2 = (0.03 * params.range) * (0.03 * params.range);
    let a1 = 2.0 * means.x * means.y + c1;
    let a2 = 2.0 * sums.z + c2;
    let b1 = means.x * means.x + means.y * means.y + c1;
    let b2 = sums.x + sums.y + c2;
    let similarity = (a1 * a2) / (b1 * b2);
    let by_target = 2.0 * a1 / ((PIXELS - 1.0) * b1 * b2);
    let by_answer = -2.0 * similarity / ((PIXELS - 1.0) * b2);
    let by_means = (2.0 / PIXELS) * (means.y * a2 / b2 - means.x * similarity) / b1;
    windows[i] = vec4f(similarity, by_means - by_target * means.y - by_answer * means.x, by_target, by_answer);
}
