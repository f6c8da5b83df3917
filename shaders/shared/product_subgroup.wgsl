// A matrix product C [m, n] = A [m, k] B [k, n] for subgroups of exactly eight invocations: the lanes
// of a CPU that plays a GPU. Its loads are made lane by lane and cost far more than its
// arithmetic, so a value of A that all eight lanes need is loaded by one of them and broadcast.
// One subgroup computes 8 BLOCKS rows of 32 columns, four of them an invocation. Forms, sizes and
// edges are those of product_vec4.wgsl.
//
// Where the terms of one element are cut into parts (dense_gradient_weights), `part` is the
// workgroup's: a product of its own with fewer terms, which the form's functions see to.

const LANES: u32 = 8u;

// Eight rows of four columns.
alias Block = array<vec4f, LANES>;

// sums += a b for four k: `mine` is this lane's row of A, b four columns at each k.
fn accumulate(sums: ptr<function, Block>, mine: vec4f, b0: vec4f, b1: vec4f, b2: vec4f, b3: vec4f) {
    let all = array<vec4f, LANES>(
        subgroupBroadcast(mine, 0u),
        subgroupBroadcast(mine, 1u),
        subgroupBroadcast(mine, 2u),
        subgroupBroadcast(mine, 3u),
        subgroupBroadcast(mine, 4u),
        subgroupBroadcast(mine, 5u),
        subgroupBroadcast(mine, 6u),
        subgroupBroadcast(mine, 7u),
    );
    for (var i = 0u; i < LANES; i++) {
        let a = all[i];
        var sum = (*sums)[i];
        sum = fma(vec4f(a.x), b0, sum);
        sum = fma(vec4f(a.y), b1, sum);
        sum = fma(vec4f(a.z), b2, sum);
        sum = fma(vec4f(a.w), b3, sum);
        (*sums)[i] = sum;
    }
}

// sums += a b for eight k, one a lane: `low` and `high` are eight rows of A at this lane's k, b four
// columns at each.
fn accumulate_lanes(sums: ptr<function, Block>, low: vec4f, high: vec4f, b: ptr<function, Block>) {
    add_lane(sums, subgroupBroadcast(low, 0u), subgroupBroadcast(high, 0u), (*b)[0]);
    add_lane(sums, subgroupBroadcast(low, 1u), subgroupBroadcast(high, 1u), (*b)[1]);
    add_lane(sums, subgroupBroadcast(low, 2u), subgroupBroadcast(high, 2u), (*b)[2]);
    add_lane(sums, subgroupBroadcast(low, 3u), subgroupBroadcast(high, 3u), (*b)[3]);
    add_lane(sums, subgroupBroadcast(low, 4u), subgroupBroadcast(high, 4u), (*b)[4]);
    add_lane(sums, subgroupBroadcast(low, 5u), subgroupBroadcast(high, 5u), (*b)[5]);
    add_lane(sums, subgroupBroadcast(low, 6u), subgroupBroadcast(high, 6u), (*b)[6]);
    add_lane(sums, subgroupBroadcast(low, 7u), subgroupBroadcast(high, 7u), (*b)[7]);
}

fn add_lane(sums: ptr<function, Block>, low: vec4f, high: vec4f, b: vec4f) {
    (*sums)[0] = fma(vec4f(low.x), b, (*sums)[0]);
    (*sums)[1] = fma(vec4f(low.y), b, (*sums)[1]);
    (*sums)[2] = fma(vec4f(low.z), b, (*sums)[2]);
    (*sums)[3] = fma(vec4f(low.w), b, (*sums)[3]);
    (*sums)[4] = fma(vec4f(high.x), b, (*sums)[4]);
    (*sums)[5] = fma(vec4f(high.y), b, (*sums)[5]);
    (*sums)[6] = fma(vec4f(high.z), b, (*sums)[6]);
    (*sums)[7] = fma(vec4f(high.w), b, (*sums)[7]);
}

fn finish(part: u32, sums: ptr<function, Block>, row: u32, rows: u32, column_4: u32, last_4: u32) {
    for (var i = 0u; i < LANES; i++) {
        if row + i < rows && column_4 <= last_4 {
            store(part, row + i, column_4, (*sums)[i]);
        }
    }
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
    let part = group.z;
    let size = product_size(part);
    let row = group.y * LANES * BLOCKS;
    let column_4 = group.x * LANES + lane;
    let last_4 = size.y / 4u - 1u;
    let last = size.x - 1u;
    let j = min(column_4, last_4);
    var sums0: Block;
    var sums1: Block;
    var sums2: Block;
    var sums3: Block;
    if A_ALONG_K {
        // What is found of a row ahead; blocks that are none are told the last row, and not asked.
        let left0 = left_of(part, min(row + lane, last));
        let left1 = left_of(part, min(row + 8u + lane, last));
        let left2 = left_of(part, min(row + 16u + lane, last));
        let left3 = left_of(part, min(row + 24u + lane, last));
        for (var k = 0u; k < size.z; k += 4u) {
            var b0: vec4f;
            var b1: vec4f;
            var b2: vec4f;
            var b3: vec4f;
            if B_ALONG_K {
                let t = transpose(mat4x4f(
                    load_b(part, 4u * j, k / 4u),
                    load_b(part, 4u * j + 1u, k / 4u),
                    load_b(part, 4u * j + 2u, k / 4u),
                    load_b(part, 4u * j + 3u, k / 4u),
                ));
                b0 = t[0];
                b1 = t[1];
                b2 = t[2];
                b3 = t[3];
            } else {
                b0 = load_b(part, j, k);
                b1 = load_b(part, j, k + 1u);
                b2 = load_b(part, j, k + 2u);
                b3 = load_b(part, j, k + 3u);
            }
            accumulate(&sums0, load_a(part, left0, k / 4u), b0, b1, b2, b3);
            if BLOCKS > 1u {
                accumulate(&sums1, load_a(part, left1, k / 4u), b0, b1, b2, b3);
            }
            if BLOCKS > 2u {
                accumulate(&sums2, load_a(part, left2, k / 4u), b0, b1, b2, b3);
                accumulate(&sums3, load_a(part, left3, k / 4u), b0, b1, b2, b3);
            }
        }
    } else {
        // A lane's k, four neighbours along m of each eight rows.
        let last_a = (size.x + 3u) / 4u - 1u;
        let i = row / 4u;
        let left0 = left_of(part, min(i, last_a));
        let left1 = left_of(part, min(i + 1u, last_a));
        let left2 = left_of(part, min(i + 2u, last_a));
        let left3 = left_of(part, min(i + 3u, last_a));
        let left4 = left_of(part, min(i + 4u, last_a));
        let left5 = left_of(part, min(i + 5u, last_a));
        let left6 = left_of(part, min(i + 6u, last_a));
        let left7 = left_of(part, min(i + 7u, last_a));
        for (var first = 0u; first < size.z; first += LANES) {
            var b: Block;
            for (var d = 0u; d < LANES; d++) {
                b[d] = load_b(part, j, min(first + d, size.z - 1u));
            }
            let k = min(first + lane, size.z - 1u);
            let inside = f32(first + lane < size.z);
            accumulate_lanes(
                &sums0,
                inside * load_a(part, left0, k),
                inside * load_a(part, left1, k),
                &b,
            );
            if BLOCKS > 1u {
                accumulate_lanes(
                    &sums1,
                    inside * load_a(part, left2, k),
                    inside * load_a(part, left3, k),
                    &b,
                );
            }
            if BLOCKS > 2u {
                accumulate_lanes(
                    &sums2,
                    inside * load_a(part, left4, k),
                    inside * load_a(part, left5, k),
                    &b,
                );
                accumulate_lanes(
                    &sums3,
                    inside * load_a(part, left6, k),
                    inside * load_a(part, left7, k),
                    &b,
                );
            }
        }
    }
    finish(part, &sums0, row, size.x, column_4, last_4);
    if BLOCKS > 1u {
        finish(part, &sums1, row + 8u, size.x, column_4, last_4);
    }
    if BLOCKS > 2u {
        finish(part, &sums2, row + 16u, size.x, column_4, last_4);
        finish(part, &sums3, row + 24u, size.x, column_4, last_4);
    }
}
