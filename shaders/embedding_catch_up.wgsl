// Replays, in registers, the steps of Adam with a gradient of zero that rows of a table have missed:
//   m = b1 m,  v = b2 v,  p -= rate m / (sqrt(v) + epsilon)
// for each step from steps[row] + 1 on, with the operations of adam.wgsl, so that the bits are those
// of an Adam that touches every row at every step. The rows are those that a batch names, before the
// step that the batch is for (`all` = 0; ids come sorted), or all rows, to the last step done
// (`all` = 1). rates[t % RATES] is the rate of step t. embedding_mark writes `steps` afterwards.
//
// Weights that a replayed step no longer moves are not moved by the later ones either: the first
// moment falls faster than the root of the second, and faster than a rate can grow.
//
// Rows of items: see shared/rows.wgsl.

// Rates that are kept; RATES of src/kernels/embedding_catch_up.rs.
const RATES: u32 = 8192u;

struct Params {
    positions: u32,
    units: u32,
    first: u32,
    rows: u32,
    all: u32,
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read> rates: array<f32>;
@group(0) @binding(3) var<storage, read> sorted_ids: array<u32>;
@group(0) @binding(4) var<storage, read> steps: array<u32>;
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
    var id = p + params.first;
    var through = state[STEP];
    if params.all == 0u {
        id = sorted_ids[p];
        through = state[BATCH_STEP] - 1u;
        if p > 0u && sorted_ids[p - 1u] == id {
            return;
        }
    }
    let row = id - params.first;
    if row >= params.rows {
        return;
    }
    let done = steps[id];
    if done >= through {
        return;
    }
    let columns = params.units / WIDE;
    let end = column_end(workgroup, columns);
    for (var c = column_begin(workgroup, local); c < end; c += ROW_LANES) {
        let i = row * columns + c;
        var m = first_moments[i];
        var v = second_moments[i];
        // Rows that have never had a gradient.
        if all(m == Item(0.0)) && all(v == Item(0.0)) {
            continue;
        }
        var weight = weights[i];
        var moves = true;
        for (var step = done + 1u; step <= through; step++) {
            m = params.beta_1 * m;
            v = params.beta_2 * v;
            if moves {
                let moved = weight - rates[step % RATES] * m / (sqrt(v) + params.epsilon);
                moves = any(moved != weight);
                weight = moved;
            }
        }
        first_moments[i] = m;
        second_moments[i] = v;
        weights[i] = weight;
    }
}
