// categorical_crossentropy (see categorical_crossentropy.wgsl) for many outputs: the 256 invocations
// of a workgroup share each row, every one a stretch of neighbouring outputs or, where STRIDED, every 256th, in four walks over
// it: largest logit and target, sums, loss, gradient. Lanes of a real GPU load and store together what lies together.

// What each invocation found: the largest value of its stretch and where it stands.
var<workgroup> largest_values: array<f32, 256>;
var<workgroup> largest_places: array<u32, 256>;
var<workgroup> row_largest: array<f32, 2>;
var<workgroup> row_places: array<u32, 2>;
var<workgroup> row_sums: vec2f;

// Whether an invocation's value comes before another's: it is larger, or as large at a lower place.
fn is_before(i: u32, other: u32) -> bool {
    return largest_values[i] > largest_values[other]
        || (STRIDED && largest_values[i] == largest_values[other] && largest_places[i] < largest_places[other]);
}

// The first largest of all invocations' values; every invocation must call it. Where invocations stand in
// the order of their stretches, the first of equals is that of the lowest place.
fn find_largest(local: u32, value: f32, place: u32, part: u32) {
    largest_values[local] = value;
    largest_places[local] = place;
    workgroupBarrier();
    if local < 16u {
        var best = local * 16u;
        for (var i = best + 1u; i < (local + 1u) * 16u; i++) {
            if is_before(i, best) {
                best = i;
            }
        }
        largest_values[local * 16u] = largest_values[best];
        largest_places[local * 16u] = largest_places[best];
    }
    workgroupBarrier();
    if local == 0u {
        var best = 0u;
        for (var i = 16u; i < 256u; i += 16u) {
            if is_before(i, best) {
                best = i;
            }
        }
        row_largest[part] = largest_values[best];
        row_places[part] = largest_places[best];
    }
    workgroupBarrier();
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let rows = rows_of(workgroup.x);
    let scale = 1.0 / f32(params.rows);
    let width = (params.outputs + 255u) / 256u;
    let from_column = select(min(local * width, params.outputs), local, STRIDED);
    let to_column = select(min(from_column + width, params.outputs), params.outputs, STRIDED);
    let by = select(1u, 256u, STRIDED);
    // No logit is below this.
    let lowest = -3.4e38;
    var totals = vec2f(0.0);
    for (var row = rows.x; row < rows.y; row++) {
        let start = row * params.outputs;
        var largest = lowest;
        var answer = from_column;
        var largest_target = lowest;
        var truth = from_column;
        for (var j = from_column; j < to_column; j += by) {
            if logits[start + j] > largest {
                largest = logits[start + j];
                answer = j;
            }
            if target_of(row, j) > largest_target {
                largest_target = target_of(row, j);
                truth = j;
            }
        }
        find_largest(local, largest, answer, 0u);
        find_largest(local, largest_target, truth, 1u);
        largest = row_largest[0];
        var normalizer = 0.0;
        var weight = 0.0;
        for (var j = from_column; j < to_column; j += by) {
            normalizer += exp_f32(logits[start + j] - largest);
            weight += target_of(row, j);
        }
        let sums = reduce(local, vec2f(normalizer, weight));
        if local == 0u {
            row_sums = sums;
        }
        workgroupBarrier();
        let log_normalizer = ln_f32(row_sums.x);
        var inner = 0.0;
        for (var j = from_column; j < to_column; j += by) {
            let z = logits[start + j] - largest;
            let y = target_of(row, j);
            inner += y * (log_normalizer - z);
            d_logits[start + j] = (exp_f32(z) / row_sums.x * row_sums.y - y) * scale;
        }
        let loss = reduce(local, vec2f(inner, 0.0));
        if local == 0u {
            totals += vec2f(loss.x, select(0.0, 1.0, row_places[0] == row_places[1]));
        }
        workgroupBarrier();
    }
    if local == 0u {
        record(workgroup.x, params.groups, totals, params.rows);
    }
}
