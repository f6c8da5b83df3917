// Softmax cross-entropy from logits z [rows, outputs]. Targets y are class numbers [rows, 1]
// (`sparse` = 1) or distributions [rows, outputs]. Loss sum_j y_j (ln sum_i e^{z_i} - z_j),
// gradient (softmax(z) sum_j y_j - y) / rows, right when the largest logit stands at the largest
// target. Workgroup g sums its rows into history[slot, g] = (sum of losses, count right); the
// host adds the groups and divides. One invocation a row at a time.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let rows = rows_of(workgroup.x);
    let scale = 1.0 / f32(params.rows);
    var totals = vec2f(0.0);
    for (var row = rows.x + local; row < rows.y; row += 256u) {
        let start = row * params.outputs;
        var answer = 0u;
        var truth = 0u;
        var largest = logits[start];
        var largest_target = target_of(row, 0u);
        for (var j = 1u; j < params.outputs; j++) {
            if logits[start + j] > largest {
                largest = logits[start + j];
                answer = j;
            }
            if target_of(row, j) > largest_target {
                largest_target = target_of(row, j);
                truth = j;
            }
        }
        var normalizer = 0.0;
        var weight = 0.0;
        var inner = 0.0;
        for (var j = 0u; j < params.outputs; j++) {
            normalizer += exp_f32(logits[start + j] - largest);
            weight += target_of(row, j);
            inner += target_of(row, j) * (logits[start + j] - largest);
        }
        for (var j = 0u; j < params.outputs; j++) {
            let probability = exp_f32(logits[start + j] - largest) / normalizer;
            d_logits[start + j] = (probability * weight - target_of(row, j)) * scale;
        }
        let loss = ln_f32(normalizer) * weight - inner;
        totals += vec2f(loss, select(0.0, 1.0, answer == truth));
    }
    totals = reduce(local, totals);
    if local == 0u {
        record(workgroup.x, params.groups, totals, params.rows);
    }
}
