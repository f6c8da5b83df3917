// Adam (see adam.wgsl) on the rows of a table that a batch names, and on no others: pairs (id,
// position) come sorted, and the gradient of a run of equal ids lies in gradients[p, :], p the place
// of its first pair. Rows that other pieces of the table hold are left to them. Rows of items: see
// shared/rows.wgsl; the eight invocations of pairs that begin no run do nothing.

struct Params {
    positions: u32,
    units: u32,
    first: u32,
    rows: u32,
    beta_1: f32,
    beta_2: f32,
    complement_1: f32,
    complement_2: f32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read> schedule: array<f32>;
@group(0) @binding(3) var<storage, read> sorted_ids: array<u32>;
@group(0) @binding(4) var<storage, read> gradients: array<Item>;
@group(0) @binding(5) var<storage, read_write> weights: array<Item>;
@group(0) @binding(6) var<storage, read_write> first_moments: array<Item>;
@group(0) @binding(7) var<storage, read_write> second_moments: array<Item>;

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let p = row_index(workgroup, workgroups, local);
    if p >= params.positions {
        return;
    }
    let id = sorted_ids[p];
    let row = id - params.first;
    if p > 0u && sorted_ids[p - 1u] == id || row >= params.rows {
        return;
    }
    let rate = schedule[state[BATCH_SLOT]];
    let columns = params.units / WIDE;
    let end = column_end(workgroup, columns);
    for (var c = column_begin(workgroup, local); c < end; c += ROW_LANES) {
        let i = row * columns + c;
        let g = gradients[p * columns + c];
        let m = params.beta_1 * first_moments[i] + params.complement_1 * g;
        let v = params.beta_2 * second_moments[i] + params.complement_2 * (g * g);
        first_moments[i] = m;
        second_moments[i] = v;
        weights[i] -= rate * m / (sqrt(v) + params.epsilon);
    }
}
