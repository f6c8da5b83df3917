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
// adding (`adds`) to the sums of those before. The last has the step's `words`, the others 0, and ends the step.
//
// LANES invocations share a sample's columns, LANES apart, so that they read neighbouring numbers, and a workgroup takes its 256
// samples in rounds of 32. Of BLOCK targets at a time they sum their parts of the products; then each has one target's
// factor. With all factors known, each sums d_hidden for up to HELD of its columns in registers.

const LANES: u32 = 8u;
const BLOCK: u32 = 8u;
const HELD: u32 = 4u;
// No row of the table.
const NONE: u32 = 0xffffffffu;

// [BLOCK, 256]: each invocation's part of the product with each target.
var<workgroup> parts: array<f32, 8u * 256u>;

// The row of a sample's target in the binding; none where it counts nothing, is held elsewhere, or there is no such target.
fn row_of(sample: u32, target_place: u32) -> u32 {
    let t = min(target_place, params.targets - 1u);
    let id = ids[sample * params.targets + t];
    // Below `first` it wraps to a number that no table reaches.
    let row = id - params.first;
    return select(row, NONE, target_place >= params.targets || id == 0u || row >= params.rows);
}

// Factors of a sample's targets; returns an invocation's part of its loss. All invocations call it.
fn factors_of(sample: u32, is_inside: bool, wrong: f32, local: u32) -> f32 {
    let columns = params.units / WIDE;
    let lane = local % LANES;
    var loss = 0.0;
    for (var begin = 0u; begin < params.targets; begin += BLOCK) {
        var products: array<Item, BLOCK>;
        if is_inside {
            var rows: array<u32, BLOCK>;
            for (var t = 0u; t < BLOCK; t++) {
                rows[t] = row_of(sample, begin + t);
            }
            for (var c = lane; c < columns; c += LANES) {
                let h = hidden[sample * columns + c];
                for (var t = 0u; t < BLOCK; t++) {
                    if rows[t] != NONE {
                        products[t] = fma(h, table[rows[t] * columns + c], products[t]);
                    }
                }
            }
        }
        for (var t = 0u; t < BLOCK; t++) {
            parts[t * 256u + local] = sum_of(products[t]);
        }
        workgroupBarrier();
        let t = begin + lane;
        if is_inside && t < params.targets {
            let at = sample * params.targets + t;
            if ids[at] == 0u {
                factors[at] = 0.0;
            } else if row_of(sample, t) != NONE {
                var product = 0.0;
                for (var other = 0u; other < LANES; other++) {
                    product += parts[lane * 256u + local - lane + other];
                }
                let is_right = t < params.positives;
                let y = select(0.0, 1.0, is_right);
                let weight = select(wrong, 1.0, is_right);
                factors[at] = weight * (sigmoid_f32(product) - y);
                loss += weight * (max(product, 0.0) - product * y + ln_1p_f32(exp_f32(-abs(product))));
            }
        }
        workgroupBarrier();
    }
    return loss;
}

// d_hidden of a sample, of an invocation's columns.
fn derive(sample: u32, lane: u32) {
    let columns = params.units / WIDE;
    for (var first = lane; first < columns; first += HELD * LANES) {
        var sums: array<Item, HELD>;
        for (var i = 0u; i < HELD; i++) {
            let c = first + i * LANES;
            if params.adds == 1u && c < columns {
                sums[i] = d_hidden[sample * columns + c];
            }
        }
        for (var begin = 0u; begin < params.targets; begin += BLOCK) {
            var rows: array<u32, BLOCK>;
            for (var t = 0u; t < BLOCK; t++) {
                rows[t] = row_of(sample, begin + t);
            }
            for (var t = 0u; t < BLOCK; t++) {
                if rows[t] != NONE {
                    let factor = Item(factors[sample * params.targets + begin + t]);
                    for (var i = 0u; i < HELD; i++) {
                        let c = min(first + i * LANES, columns - 1u);
                        sums[i] = fma(factor, table[rows[t] * columns + c], sums[i]);
                    }
                }
            }
        }
        for (var i = 0u; i < HELD; i++) {
            let c = first + i * LANES;
            if c < columns {
                d_hidden[sample * columns + c] = sums[i];
            }
        }
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = local % LANES;
    var totals = vec2f(0.0);
    for (var round = 0u; round < LANES; round++) {
        let s = workgroup.x * 256u + round * (256u / LANES) + local / LANES;
        let is_inside = s < params.samples;
        var right = 0.0;
        if is_inside {
            for (var t = 0u; t < params.positives; t++) {
                right += select(0.0, 1.0, ids[s * params.targets + t] != 0u);
            }
        }
        totals.x += factors_of(s, is_inside, params.weight * right, local);
        totals.y += select(0.0, right, params.adds == 0u && lane == 0u);
        storageBarrier();
        if is_inside {
            derive(s, lane);
        }
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
