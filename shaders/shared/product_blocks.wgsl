// A matrix product C [m, n] = A [m, k] B [k, n] for real GPUs, whose operands are read and stored four
// neighbours at a time: a workgroup of 256 invocations computes a square of 64 HALVES elements a side
// (HALVES is set in front, 1 or 2), each invocation 4 HALVES x 4 HALVES of them in registers, and brings A and B
// through workgroup memory in slices DEPTH deep. The next slice is read from memory while this one is
// multiplied. The kernels give the same functions as for shared/product_vec4.wgsl. Rows and columns past
// the edge are clamped to the last: computed twice, stored once; terms past the last are zero.
//
// Where the terms of one element are cut into parts (dense_gradient_weights), `part` is the
// workgroup's: a product of its own with fewer terms, which the form's functions see to.

const BLOCK_4: u32 = 16u * HALVES;
const DEPTH: u32 = 16u / HALVES;
const DEPTH_4: u32 = DEPTH / 4u;
// One more than the block, so that stores of neighbours along k hit different banks.
const STRIDE: u32 = BLOCK_4 + 1u;
const SLICE: u32 = DEPTH * STRIDE;
const SLICES: u32 = 2u * SLICE;
const SIDE: u32 = 4u * HALVES;

// A's slice [DEPTH, STRIDE], four neighbouring rows an element, then B's, four neighbouring columns.
var<workgroup> slices: array<vec4f, SLICES>;

// Blocks of 4 x 4 elements in a slice: where an operand lies along k, each is one invocation's.
const TRANSPOSED: u32 = 64u;

// This invocation's part of a slice of A from term `start` on: four neighbouring rows of one term; or, where A lies
// along k, four neighbouring terms of each of four rows.
fn fetch_a(part: u32, size: vec3u, block_4: u32, start: u32, local: u32) -> array<vec4f, 4> {
    var fetched: array<vec4f, 4>;
    if A_ALONG_K {
        let k_4 = start / 4u + local % DEPTH_4;
        if local < TRANSPOSED && k_4 * 4u < size.z {
            let first = (block_4 + local / DEPTH_4) * 4u;
            for (var i = 0u; i < 4u; i++) {
                fetched[i] = load_a(part, left_of(part, min(first + i, size.x - 1u)), k_4);
            }
        }
    } else {
        let k = start + local / BLOCK_4;
        if k < size.z {
            let row_4 = min(block_4 + local % BLOCK_4, (size.x + 3u) / 4u - 1u);
            fetched[0] = load_a(part, left_of(part, row_4), k);
        }
    }
    return fetched;
}

// The same of B, whose columns are as A's rows.
fn fetch_b(part: u32, size: vec3u, block_4: u32, start: u32, local: u32) -> array<vec4f, 4> {
    var fetched: array<vec4f, 4>;
    if B_ALONG_K {
        let k_4 = start / 4u + local % DEPTH_4;
        if local < TRANSPOSED && k_4 * 4u < size.z {
            let first = (block_4 + local / DEPTH_4) * 4u;
            for (var i = 0u; i < 4u; i++) {
                fetched[i] = load_b(part, min(first + i, size.y - 1u), k_4);
            }
        }
    } else {
        let k = start + local / BLOCK_4;
        if k < size.z {
            fetched[0] = load_b(part, min(block_4 + local % BLOCK_4, (size.y + 3u) / 4u - 1u), k);
        }
    }
    return fetched;
}

// Puts what was fetched into the slice that begins at `slice`. Every store is of a whole vec4f: a store of a
// component may write the whole vector, and would race with those of the others.
fn keep(slice: u32, along_k: bool, local: u32, fetched: array<vec4f, 4>) {
    if !along_k {
        slices[slice + local / BLOCK_4 * STRIDE + local % BLOCK_4] = fetched[0];
    } else if local < TRANSPOSED {
        let at = slice + local % DEPTH_4 * 4u * STRIDE + local / DEPTH_4;
        let across = transpose(mat4x4f(fetched[0], fetched[1], fetched[2], fetched[3]));
        slices[at] = across[0];
        slices[at + STRIDE] = across[1];
        slices[at + 2u * STRIDE] = across[2];
        slices[at + 3u * STRIDE] = across[3];
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let part = workgroup.z;
    let size = product_size(part);
    let block_row_4 = workgroup.y * BLOCK_4;
    let block_column_4 = workgroup.x * BLOCK_4;
    // Thirty-two neighbours, which most GPUs run as one, take 4 x 8 of the block's 16 x 16 places, so
    // that they read few different numbers of a slice.
    let row_4 = local / 64u * 4u + local / 8u % 4u;
    let column_4 = local / 32u % 2u * 8u + local % 8u;
    var sums: array<array<vec4f, HALVES>, SIDE>;
    var next_a = fetch_a(part, size, block_row_4, 0u, local);
    var next_b = fetch_b(part, size, block_column_4, 0u, local);
    for (var start = 0u; start < size.z; start += DEPTH) {
        keep(0u, A_ALONG_K, local, next_a);
        keep(SLICE, B_ALONG_K, local, next_b);
        workgroupBarrier();
        next_a = fetch_a(part, size, block_row_4, start + DEPTH, local);
        next_b = fetch_b(part, size, block_column_4, start + DEPTH, local);
        for (var k = 0u; k < DEPTH; k++) {
            var b: array<vec4f, HALVES>;
            for (var h = 0u; h < HALVES; h++) {
                b[h] = slices[SLICE + k * STRIDE + column_4 + 16u * h];
            }
            for (var i = 0u; i < HALVES; i++) {
                let a = slices[k * STRIDE + row_4 + 16u * i];
                for (var h = 0u; h < HALVES; h++) {
                    sums[i * 4u][h] = fma(vec4f(a.x), b[h], sums[i * 4u][h]);
                    sums[i * 4u + 1u][h] = fma(vec4f(a.y), b[h], sums[i * 4u + 1u][h]);
                    sums[i * 4u + 2u][h] = fma(vec4f(a.z), b[h], sums[i * 4u + 2u][h]);
                    sums[i * 4u + 3u][h] = fma(vec4f(a.w), b[h], sums[i * 4u + 3u][h]);
                }
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < SIDE; i++) {
        let row = (block_row_4 + row_4 + i / 4u * 16u) * 4u + i % 4u;
        for (var h = 0u; h < HALVES; h++) {
            let to_column_4 = block_column_4 + column_4 + 16u * h;
            if row < size.x && to_column_4 < size.y / 4u {
                store(part, row, to_column_4, sums[i][h]);
            }
        }
    }
}
