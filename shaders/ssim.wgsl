// Errors of pictures and what their structural similarity (Wang et al. 2004) lacks to 1: with p = activation(z), e = p - y, all
// [rows, outputs], a row being a picture [height, width, channels], the loss is the mean of e^2 (|e| where `absolute`) plus `weight`
// times the mean of 1 - S over windows of 7 x 7 pixels, whose S and gradients `windows` has (ssim_windows.wgsl). The
// element at which a window begins has its 1 - S, times elements / windows, so that all is one mean over elements. The loop over them is
// shared/elementwise_loss.wgsl.

const FACTOR: f32 = 2.0;
const WINDOW: u32 = 7u;

fn term_at(i: u32) -> vec3f {
    let y = targets[i];
    let p = activate(params.activation, logits[i]);
    let place = i % params.outputs;
    let line = params.width * params.channels;
    let row = place / line;
    let column = (place % line) / params.channels;
    // Windows along each axis: none of a picture that is smaller.
    let down = max(params.outputs / line + 1u, WINDOW) - WINDOW;
    let across = max(params.width + 1u, WINDOW) - WINDOW;
    let share = params.weight * f32(params.outputs) / f32(max(down * across * params.channels, 1u));
    // The windows that see it.
    var pull = vec3f(0.0);
    for (var top = max(row, WINDOW - 1u) + 1u - WINDOW; top < min(row + 1u, down); top++) {
        for (var left = max(column, WINDOW - 1u) + 1u - WINDOW; left < min(column + 1u, across); left++) {
            pull += windows[i - (row - top) * line - (column - left) * params.channels].yzw;
        }
    }
    let e = p - y;
    // Written so that a NaN stays one.
    let direction = 0.5 * select(select(e, -1.0, e < 0.0), 1.0, e > 0.0);
    let own = select(e, direction, params.absolute == 1u);
    var loss = select(e * e, abs(e), params.absolute == 1u);
    if row < down && column < across {
        loss += share * (1.0 - windows[i].x);
    }
    let slope = own - 0.5 * share * (pull.x + pull.y * y + pull.z * p);
    return vec3f(loss, slope * activation_derivative(params.activation, p), 0.0);
}
