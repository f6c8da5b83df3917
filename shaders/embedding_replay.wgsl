// Replays, in registers, the steps of Adam with a gradient of zero that rows of a table have missed:
//   m = b1 m,  v = b2 v,  p -= rate m / (sqrt(v) + epsilon)
// for each step from steps[row] + 1 on, with the operations of adam.wgsl, so that the bits are those
// of an Adam that touches every row at every step. The rows are those that a batch names, before the
// step that the batch is for (`all` = 0; ids come sorted), or all rows, to the last step done
// (`all` = 1). rates[t % RATES] is the rate of step t. embedding_stamp writes `steps` afterwards.
//
// Weights that a replayed step no longer moves are not moved by the later ones either: the first
// moment falls faster than the root of the second, and faster than a rate can grow.
//
// Rows of items: see shared/rows.wgsl.

// Rates that are kept; RATES of src/kernels/embedding_replay.rs.
const RATES: u32 = 1024u;

// As in shared/named_rows.wgsl. Software adapters leave an invocation's loops behind after 65,535 turns of all
// of them together, so it may not walk far: each pair's row may have missed nearly RATES steps.
const WALK: u32 = select(1u, 8u, SOFTWARE);

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let is_all = params.all == 1u;
    let through = select(state[BATCH_STEP] - 1u, state[STEP], is_all);
    let columns = params.units / WIDE;
    var p = row_index(workgroup, workgroups, local) * WALK;
    let end = min(p + WALK, params.positions);
    if p >= end {
        return;
    }
    // Ids come sorted: here stands none of the rows that are held.
    if !is_all && (sorted_ids[end - 1u] < params.first || sorted_ids[p] >= params.first + params.rows) {
        return;
    }
    // No id is all ones: before the first pair stands none.
    var before = 0xffffffffu;
    if p > 0u && !is_all {
        before = sorted_ids[p - 1u];
    }
    loop {
        // To the next row that has missed a step, of those held here.
        var id = before;
        var done = 0u;
        while p < end {
            if is_all {
                id = p + params.first;
            } else {
                id = sorted_ids[p];
            }
            done = steps[id];
            if id != before && done < through && id - params.first < params.rows {
                break;
            }
            before = id;
            p++;
        }
        if p >= end {
            break;
        }
        before = id;
        let columns_end = walk_end(workgroup, columns);
        for (var c = walk_begin(workgroup, local); c < columns_end; c += ROW_LANES) {
            replay((id - params.first) * columns + c, done + 1u, through);
        }
        p++;
    }
}

// A weight and its moments on their way through the steps.
struct Replay {
    weight: Item,
    m: Item,
    v: Item,
    moves: bool,
}

fn replay_one(before: Replay, step: u32) -> Replay {
    var after = before;
    after.m = params.beta_1 * before.m;
    after.v = params.beta_2 * before.v;
    if before.moves {
        let moved = before.weight - rates[step % RATES] * after.m / (sqrt(after.v) + params.epsilon);
        after.moves = any(moved != before.weight);
        after.weight = moved;
    }
    return after;
}

fn replay(at: u32, begin: u32, through: u32) {
    var row = Replay(weights[at], first_moments[at], second_moments[at], true);
    // Rows that have never had a gradient.
    if all(row.m == Item(0.0)) && all(row.v == Item(0.0)) {
        return;
    }
    for (var step = begin; step <= through; step++) {
        row = replay_one(row, step);
    }
    first_moments[at] = row.m;
    second_moments[at] = row.v;
    weights[at] = row.weight;
}
