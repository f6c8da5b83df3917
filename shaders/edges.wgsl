// Error of pictures and of their edges: with e = activation(z) - y, all [rows, outputs], a row being a picture
// [height, width, channels], an element's loss is e^2 + weight ((e' - e)^2 + (e'' - e)^2), where e' and e'' are those of
// the pixels to its right and below, where there are such; its gradient with respect to z is 2 (e + weight (the sum of e
// less the errors of its up to four neighbours)) activation'(p) / (rows outputs). Where `absolute`, each square is an amount, and
// each difference in the gradient half its sign. The loop over elements is shared/elementwise_loss.wgsl.

const FACTOR: f32 = 2.0;

fn error_at(i: u32) -> f32 {
    return activate(params.activation, logits[i]) - targets[i];
}

// What a difference adds to the loss.
fn size_of(step: f32) -> f32 {
    return select(step * step, abs(step), params.absolute == 1u);
}

// And to the gradient. Written so that a NaN stays one.
fn pull_of(step: f32) -> f32 {
    let direction = 0.5 * select(select(step, -1.0, step < 0.0), 1.0, step > 0.0);
    return select(step, direction, params.absolute == 1u);
}

fn term_at(i: u32) -> vec3f {
    let p = activate(params.activation, logits[i]);
    let e = p - targets[i];
    // Where it stands in its picture, and in its line.
    let place = i % params.outputs;
    let line = params.width * params.channels;
    let column = place % line;
    var loss = 0.0;
    var pull = 0.0;
    if column + params.channels < line && place + params.channels < params.outputs {
        let step = error_at(i + params.channels) - e;
        loss += size_of(step);
        pull -= pull_of(step);
    }
    if place + line < params.outputs {
        let step = error_at(i + line) - e;
        loss += size_of(step);
        pull -= pull_of(step);
    }
    if column >= params.channels {
        pull += pull_of(e - error_at(i - params.channels));
    }
    if place >= line {
        pull += pull_of(e - error_at(i - line));
    }
    let slope = activation_derivative(params.activation, p);
    return vec3f(size_of(e) + params.weight * loss, (pull_of(e) + params.weight * pull) * slope, 0.0);
}
