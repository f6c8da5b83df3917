// Many whole training steps of a small model in one dispatch: one workgroup keeps weights, moments,
// gradients and the batch's values in its memory, and the steps follow one another without the host
// and without a dispatch each. What a step computes is what gather_batch, embedding_gather, dense_*,
// the losses, embedding_gradient and adam or sgd compute, with the sums of one invocation in one
// order.
//
// `mem` holds, `params.weights` numbers each: weights, first moments, second moments, gradients (as
// `arena` does outside); then the values of the batch, [batch, width] by layer; then as many
// gradients with respect to them. The model stands in `state` from LAYERS on, six words a layer:
// kind (0 an embedding of each id, 1 dense), inputs of a row, units, activation, the place of its
// weights in `mem`, the place of its outputs. IDS (whether `inputs` are ids, u32, or values, f32) and
// GROUP, the number of invocations, are set in front.

// Numbers of this size fit a workgroup's 16 KiB beside the rest; ROOM of src/kernels/small_steps.rs.
const ROOM: u32 = 3840u;
const LAYERS: u32 = 9u;
const BINARY_CROSSENTROPY: u32 = 0u;
const CATEGORICAL_CROSSENTROPY: u32 = 1u;

var<workgroup> mem: array<f32, ROOM>;
var<workgroup> losses: array<vec2f, GROUP>;
var<workgroup> steps: u32;

struct Layer {
    kind: u32,
    reads: u32,
    units: u32,
    activation: u32,
    weights: u32,
    output: u32,
}

fn layer_at(l: u32) -> Layer {
    let at = LAYERS + 6u * l;
    return Layer(state[at], state[at + 1u], state[at + 2u], state[at + 3u], state[at + 4u], state[at + 5u]);
}

// Values of a row that the layer gives.
fn gives(layer: Layer) -> u32 {
    return select(layer.units, layer.reads * layer.units, layer.kind == 0u);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(local_invocation_index) lane: u32) {
    for (var i = lane; i < 4u * params.weights; i += GROUP) {
        mem[i] = arena[i];
    }
    // The host says how many steps the run has; the slots count those that are done.
    if lane == 0u {
        steps = min(params.steps, state[LAST_SLOT] - min(state[SLOT], state[LAST_SLOT]));
    }
    let count = workgroupUniformLoad(&steps);
    for (var step = 0u; step < count; step++) {
        // The rows of an epoch end in a batch of what is left.
        let cursor = state[CURSOR];
        let rows = min(params.batch, state[EPOCH_ROWS] - cursor % state[EPOCH_ROWS]);
        let slot = state[SLOT];
        if !IDS {
            for (var i = lane; i < rows * params.input_width; i += GROUP) {
                let row = order[cursor + i / params.input_width];
                mem[4u * params.weights + i] =
                    f32(inputs[row * params.input_width + i % params.input_width]);
            }
            workgroupBarrier();
        }
        for (var l = 0u; l < params.layers; l++) {
            forward(l, rows, cursor, lane);
            workgroupBarrier();
        }
        losses[lane] = loss(rows, cursor, lane);
        workgroupBarrier();
        for (var l = params.layers; l > 0u; l--) {
            backward(l - 1u, rows, cursor, lane);
            workgroupBarrier();
        }
        update(schedule[slot], lane);
        storageBarrier();
        workgroupBarrier();
        if lane == 0u {
            var total = vec2f(0.0);
            for (var i = 0u; i < GROUP; i++) {
                total += losses[i];
            }
            history[2u * slot] = total.x;
            history[2u * slot + 1u] = total.y;
            state[CURSOR] = cursor + rows;
            state[STEP] += 1u;
            state[SLOT] = slot + 1u;
        }
        storageBarrier();
        workgroupBarrier();
    }
    for (var i = lane; i < 4u * params.weights; i += GROUP) {
        arena[i] = mem[i];
    }
}

fn id_at(cursor: u32, position: u32) -> u32 {
    let row = order[cursor + position / params.input_width];
    return u32(inputs[row * params.input_width + position % params.input_width]);
}

// Where layer l reads: the outputs of the layer before it, or the batch.
fn reads_from(l: u32) -> u32 {
    if l == 0u {
        return 4u * params.weights;
    }
    return layer_at(l - 1u).output;
}

fn forward(l: u32, rows: u32, cursor: u32, lane: u32) {
    let layer = layer_at(l);
    let count = rows * gives(layer);
    if layer.kind == 0u {
        for (var i = lane; i < count; i += GROUP) {
            let id = id_at(cursor, i / layer.units);
            mem[layer.output + i] = mem[layer.weights + id * layer.units + i % layer.units];
        }
        return;
    }
    let input = reads_from(l);
    // The loss activates the last layer's logits itself.
    let activation = select(layer.activation, 0u, l + 1u == params.layers);
    for (var i = lane; i < count; i += GROUP) {
        let row = input + i / layer.units * layer.reads;
        let column = layer.weights + i % layer.units;
        var sum = 0.0;
        for (var k = 0u; k < layer.reads; k++) {
            sum = fma(mem[row + k], mem[column + k * layer.units], sum);
        }
        mem[layer.output + i] = activate(activation, sum + mem[column + layer.reads * layer.units]);
    }
}

fn target_at(row: u32, column: u32, outputs: u32, cursor: u32) -> f32 {
    if params.target_width == 0u {
        return mem[4u * params.weights + row * outputs + column];
    }
    let at = order[cursor + row] * params.target_width;
    if params.target_width == 1u && outputs > 1u {
        return select(0.0, 1.0, u32(targets[at]) == column);
    }
    return targets[at + column];
}

// This invocation's part of the loss and of what is right; writes the gradient of the logits.
fn loss(rows: u32, cursor: u32, lane: u32) -> vec2f {
    let layer = layer_at(params.layers - 1u);
    let logits = layer.output;
    let gradients = logits + params.values;
    let outputs = layer.units;
    var total = vec2f(0.0);
    if params.loss == CATEGORICAL_CROSSENTROPY {
        for (var row = lane; row < rows; row += GROUP) {
            total += categorical(row, logits + row * outputs, gradients + row * outputs, outputs, rows, cursor);
        }
        return total;
    }
    let count = rows * outputs;
    for (var i = lane; i < count; i += GROUP) {
        let y = target_at(i / outputs, i % outputs, outputs, cursor);
        let z = mem[logits + i];
        if params.loss == BINARY_CROSSENTROPY {
            let right = (z > 0.0) == (y > 0.5);
            let loss = max(z, 0.0) - z * y + ln_1p_f32(exp_f32(-abs(z)));
            total += vec2f(loss, select(0.0, 1.0, right));
            mem[gradients + i] = (sigmoid_f32(z) - y) / f32(count);
        } else {
            let p = activate(layer.activation, z);
            let scale = 2.0 / f32(count) * activation_derivative(layer.activation, p);
            total.x += (p - y) * (p - y);
            mem[gradients + i] = (p - y) * scale;
        }
    }
    return total;
}

fn categorical(row: u32, z: u32, d: u32, outputs: u32, rows: u32, cursor: u32) -> vec2f {
    var answer = 0u;
    var truth = 0u;
    for (var j = 1u; j < outputs; j++) {
        answer = select(answer, j, mem[z + j] > mem[z + answer]);
        let is_truer = target_at(row, j, outputs, cursor) > target_at(row, truth, outputs, cursor);
        truth = select(truth, j, is_truer);
    }
    let largest = mem[z + answer];
    var normalizer = 0.0;
    var weight = 0.0;
    var inner = 0.0;
    for (var j = 0u; j < outputs; j++) {
        let y = target_at(row, j, outputs, cursor);
        normalizer += exp_f32(mem[z + j] - largest);
        weight += y;
        inner += y * (mem[z + j] - largest);
    }
    for (var j = 0u; j < outputs; j++) {
        let probability = exp_f32(mem[z + j] - largest) / normalizer;
        mem[d + j] = (probability * weight - target_at(row, j, outputs, cursor)) / f32(rows);
    }
    return vec2f(ln_f32(normalizer) * weight - inner, select(0.0, 1.0, answer == truth));
}

fn backward(l: u32, rows: u32, cursor: u32, lane: u32) {
    let layer = layer_at(l);
    let d_output = layer.output + params.values;
    let gradient = 3u * params.weights + layer.weights;
    if layer.kind == 0u {
        // An invocation owns columns of the table, so that each sum has one order.
        let table = state[TABLE_ROWS] * layer.units;
        for (var u = lane; u < layer.units; u += GROUP) {
            for (var i = u; i < table; i += layer.units) {
                mem[gradient + i] = 0.0;
            }
            for (var p = 0u; p < rows * layer.reads; p++) {
                let at = gradient + id_at(cursor, p) * layer.units + u;
                mem[at] += mem[d_output + p * layer.units + u];
            }
        }
        return;
    }
    let input = reads_from(l);
    for (var i = lane; i < (layer.reads + 1u) * layer.units; i += GROUP) {
        let k = i / layer.units;
        let j = d_output + i % layer.units;
        var sum = 0.0;
        for (var row = 0u; row < rows; row++) {
            // The row behind the kernel's last is the bias's.
            let x = select(mem[input + row * layer.reads + min(k, layer.reads - 1u)], 1.0, k == layer.reads);
            sum = fma(x, mem[j + row * layer.units], sum);
        }
        mem[gradient + i] = sum;
    }
    if l == 0u {
        return;
    }
    let before = layer_at(l - 1u);
    let activation = select(before.activation, 0u, before.kind == 0u);
    for (var i = lane; i < rows * layer.reads; i += GROUP) {
        let weights = layer.weights + i % layer.reads * layer.units;
        let row = d_output + i / layer.reads * layer.units;
        var sum = 0.0;
        for (var j = 0u; j < layer.units; j++) {
            sum = fma(mem[row + j], mem[weights + j], sum);
        }
        mem[input + params.values + i] = sum * activation_derivative(activation, mem[input + i]);
    }
}

fn update(rate: f32, lane: u32) {
    let n = params.weights;
    for (var i = lane; i < n; i += GROUP) {
        let g = mem[3u * n + i];
        if params.sgd == 1u {
            let velocity = params.beta_1 * mem[n + i] - rate * g;
            mem[n + i] = velocity;
            mem[i] += velocity;
        } else {
            let m = params.beta_1 * mem[n + i] + params.complement_1 * g;
            let v = params.beta_2 * mem[2u * n + i] + params.complement_2 * (g * g);
            mem[n + i] = m;
            mem[2u * n + i] = v;
            mem[i] -= rate * m / (sqrt(v) + params.epsilon);
        }
    }
}
