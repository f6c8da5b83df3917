// Adam (see adam.wgsl) on the rows of a table that a batch names, and on no others: pairs (id,
// position) come sorted, and the gradient of a run of equal ids lies in gradients[p, :], p the place
// of its first pair. Rows that other pieces of the table hold are left to them. Rows of items: see
// shared/rows.wgsl.

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

// Pairs that eight invocations walk: where lanes are played, work that is skipped by a branch is done
// all the same, but a loop goes on to the next pair that has any.
const WALK: u32 = select(1u, 64u, SOFTWARE);

fn begins_run(p: u32) -> bool {
    let id = sorted_ids[p];
    return id - params.first < params.rows && (p == 0u || sorted_ids[max(p, 1u) - 1u] != id);
}

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let rate = schedule[state[BATCH_SLOT]];
    let columns = params.units / WIDE;
    var p = row_index(workgroup, workgroups, local) * WALK;
    let end = min(p + WALK, params.positions);
    loop {
        while p < end && !begins_run(p) {
            p++;
        }
        if p >= end {
            break;
        }
        let row = sorted_ids[p] - params.first;
        for (var i = 0u; i < ROW_ITEMS; i++) {
            let c = column_at(workgroup, local, i);
            if c >= columns {
                break;
            }
            let at = row * columns + c;
            let g = gradients[p * columns + c];
            let m = params.beta_1 * first_moments[at] + params.complement_1 * g;
            let v = params.beta_2 * second_moments[at] + params.complement_2 * (g * g);
            first_moments[at] = m;
            second_moments[at] = v;
            weights[at] -= rate * m / (sqrt(v) + params.epsilon);
        }
        p++;
    }
}
