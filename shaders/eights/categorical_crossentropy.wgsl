// categorical_crossentropy (see categorical_crossentropy.wgsl) for real GPUs and up to about a thousand outputs: eight
// invocations share a row, each every eighth output, in four walks over it: largest logit and target, sums, gradient and
// loss. A workgroup has 32 rows at a time. What the eight found is exchanged by workgroup memory, in their order.

const LANES: u32 = 8u;

// A value and where it stands.
struct Best {
    value: f32,
    place: u32,
}

var<workgroup> lane_values: array<f32, 256>;
var<workgroup> lane_places: array<u32, 256>;
var<workgroup> lane_sums: array<vec2f, 256>;

// The first largest of what the eight invocations of a row found; all invocations call it.
fn largest_of_row(local: u32, own: Best) -> Best {
    lane_values[local] = own.value;
    lane_places[local] = own.place;
    workgroupBarrier();
    let first = local / LANES * LANES;
    var best = Best(lane_values[first], lane_places[first]);
    for (var i = first + 1u; i < first + LANES; i++) {
        let other = Best(lane_values[i], lane_places[i]);
        if other.value > best.value || (other.value == best.value && other.place < best.place) {
            best = other;
        }
    }
    workgroupBarrier();
    return best;
}

// The sum of what the eight invocations of a row found; all invocations call it.
fn sum_of_row(local: u32, own: vec2f) -> vec2f {
    lane_sums[local] = own;
    workgroupBarrier();
    let first = local / LANES * LANES;
    var total = vec2f(0.0);
    for (var i = first; i < first + LANES; i++) {
        total += lane_sums[i];
    }
    workgroupBarrier();
    return total;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let rows = rows_of(workgroup.x);
    let scale = 1.0 / f32(params.rows);
    let lane = local % LANES;
    // No logit is below this.
    let lowest = -3.4e38;
    var totals = vec2f(0.0);
    for (var first = rows.x; first < rows.y; first += 256u / LANES) {
        let row = first + local / LANES;
        // Of rows behind the last no outputs are read.
        let outputs = select(0u, params.outputs, row < rows.y);
        let start = row * params.outputs;
        var answer = Best(lowest, lane);
        var truth = Best(lowest, lane);
        for (var j = lane; j < outputs; j += LANES) {
            let z = logits[start + j];
            let y = target_of(row, j);
            if z > answer.value {
                answer = Best(z, j);
            }
            if y > truth.value {
                truth = Best(y, j);
            }
        }
        answer = largest_of_row(local, answer);
        truth = largest_of_row(local, truth);
        var own = vec2f(0.0);
        for (var j = lane; j < outputs; j += LANES) {
            own += vec2f(exp_f32(logits[start + j] - answer.value), target_of(row, j));
        }
        let sums = sum_of_row(local, own);
        let log_normalizer = ln_f32(sums.x);
        for (var j = lane; j < outputs; j += LANES) {
            let z = logits[start + j] - answer.value;
            let y = target_of(row, j);
            totals.x += y * (log_normalizer - z);
            d_logits[start + j] = (exp_f32(z) / sums.x * sums.y - y) * scale;
        }
        totals.y += select(0.0, 1.0, lane == 0u && row < rows.y && answer.place == truth.place);
    }
    totals = reduce(local, totals);
    if local == 0u {
        record(workgroup.x, params.groups, totals, params.rows);
    }
}
