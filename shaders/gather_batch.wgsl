// Copies the rows of the batch under way from the data set on the device to the batch buffers:
// batch row r is row order[cursor + r] of inputs [all rows, input_width] and of
// targets [all rows, target_width]. Also opens the step: writes BATCH_STEP and BATCH_SLOT.
// One invocation an element of the batch. `Input` is u32 (ids) or f32 (a matrix), set in front.

struct Params {
    rows: u32,
    input_width: u32,
    target_width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> state: array<u32>;
@group(0) @binding(2) var<storage, read> order: array<u32>;
@group(0) @binding(3) var<storage, read> inputs: array<Input>;
@group(0) @binding(4) var<storage, read> targets: array<f32>;
@group(0) @binding(5) var<storage, read_write> batch_inputs: array<Input>;
@group(0) @binding(6) var<storage, read_write> batch_targets: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i == 0u {
        state[BATCH_STEP] = state[STEP] + 1u;
        state[BATCH_SLOT] = state[SLOT];
    }
    let input_count = params.rows * params.input_width;
    if i < input_count {
        let row = order[state[CURSOR] + i / params.input_width];
        batch_inputs[i] = inputs[row * params.input_width + i % params.input_width];
    } else if i < input_count + params.rows * params.target_width {
        let j = i - input_count;
        let row = order[state[CURSOR] + j / params.target_width];
        batch_targets[j] = targets[row * params.target_width + j % params.target_width];
    }
}
