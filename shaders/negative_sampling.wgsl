// Negative sampling (Mikolov et al. 2013): for each sample, with h = hidden[s, :] and its targets t,
// of which the first `positives` are right (y = 1) and the others are wrong (y = 0), loss
// -sum_t ln sigmoid((2 y - 1) h . table[t, :]). Writes the derivative by each product,
// factors[s, t] = sigmoid(h . table[t, :]) - y, and by h, d_hidden[s, :] = sum_t factors[s, t]
// table[t, :]. Targets of 0, and samples whose first target is 0, count nothing. Workgroup g writes
// history[slot, g] = (sum of losses, samples that count); the host adds the groups and divides.
//
// Wrong targets may be shared by several right ones, and by several samples (Ji et al. 2016): each counts `weight`
// times as often as there are right ones.
//
// The binding holds `rows` rows of the table from `first` on: a table larger than a binding is taken in pieces, each
// adding (`adds`) to the sums of those before. The last has the step's `words`, the others 0, and ends the step. One
// invocation a sample.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let s = workgroup.x * 256u + local;
    var totals = vec2f(0.0);
    if s < params.samples {
        let first = s * params.targets;
        let h = s * params.units;
        if params.adds == 0u {
            for (var c = 0u; c < params.units; c++) {
                d_hidden[h + c] = 0.0;
            }
        }
        var right = 0.0;
        for (var t = 0u; t < params.positives; t++) {
            right += select(0.0, 1.0, ids[first + t] != 0u);
        }
        let wrong = params.weight * right;
        for (var t = 0u; t < params.targets; t++) {
            let id = ids[first + t];
            if id == 0u {
                factors[first + t] = 0.0;
                continue;
            }
            // Below `first` it wraps to a number that no table reaches.
            if id - params.first >= params.rows {
                continue;
            }
            let row = (id - params.first) * params.units;
            var product = 0.0;
            for (var c = 0u; c < params.units; c++) {
                product = fma(hidden[h + c], table[row + c], product);
            }
            let is_right = t < params.positives;
            let y = select(0.0, 1.0, is_right);
            let weight = select(wrong, 1.0, is_right);
            let factor = weight * (sigmoid_f32(product) - y);
            factors[first + t] = factor;
            totals.x += weight * (max(product, 0.0) - product * y + ln_1p_f32(exp_f32(-abs(product))));
            for (var c = 0u; c < params.units; c++) {
                d_hidden[h + c] = fma(factor, table[row + c], d_hidden[h + c]);
            }
        }
        totals.y = select(0.0, right, params.adds == 0u);
    }
    totals = reduce(local, totals);
    if local == 0u {
        if params.adds == 1u {
            let at = (state[BATCH_SLOT] * params.groups + workgroup.x) * 2u;
            totals += vec2f(history[at], history[at + 1u]);
        }
        record(workgroup.x, params.groups, totals, params.words);
    }
}
