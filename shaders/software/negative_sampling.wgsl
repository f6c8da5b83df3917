// negative_sampling (see negative_sampling.wgsl) where a CPU plays the lanes: one invocation a sample.

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
