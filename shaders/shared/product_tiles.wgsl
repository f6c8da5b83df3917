// A matrix product C [m, n] = A [m, k] B [k, n] for real GPUs: a workgroup of 256 invocations
// computes a block of 64 x 64 elements, each invocation 4 x 4 of them, and brings A and B through
// workgroup memory in slices 16 deep. The forms give the same five functions as for
// shared/product_registers.wgsl. Elements past the edge are read as zero.
//
// Where the terms of one element are cut into parts (dense_gradient_weights), `part` is the
// workgroup's: a product of its own with fewer terms, which the form's functions see to.

const BLOCK: u32 = 64u;
const DEPTH: u32 = 16u;

// One column more than the block, so that neighbouring invocations hit different banks.
var<workgroup> a_slice: array<f32, 1040>; // [DEPTH, BLOCK + 1]
var<workgroup> b_slice: array<f32, 1040>; // [DEPTH, BLOCK + 1]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let part = workgroup.z;
    let size = product_size(part);
    let block_row = workgroup.y * BLOCK;
    let block_column = workgroup.x * BLOCK;
    let row = local / 16u;
    let column = local % 16u;
    var sums: array<array<f32, 4>, 4>;
    for (var start = 0u; start < size.z; start += DEPTH) {
        for (var i = local; i < BLOCK * DEPTH; i += 256u) {
            // Neighbours in `i` are neighbours in memory: along k or along the block, as A lies.
            let a_row = select(i % BLOCK, i / DEPTH, A_ROWS_ARE_CONTIGUOUS);
            let a_k = select(i / BLOCK, i % DEPTH, A_ROWS_ARE_CONTIGUOUS);
            var a = 0.0;
            if block_row + a_row < size.x && start + a_k < size.z {
                a = load_a(part, block_row + a_row, start + a_k);
            }
            a_slice[a_k * (BLOCK + 1u) + a_row] = a;
            let b_k = select(i % DEPTH, i / BLOCK, B_ROWS_ARE_CONTIGUOUS);
            let b_column = select(i / DEPTH, i % BLOCK, B_ROWS_ARE_CONTIGUOUS);
            var b = 0.0;
            if block_column + b_column < size.y && start + b_k < size.z {
                b = load_b(part, start + b_k, block_column + b_column);
            }
            b_slice[b_k * (BLOCK + 1u) + b_column] = b;
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            var b: array<f32, 4>;
            for (var j = 0u; j < 4u; j++) {
                b[j] = b_slice[k * (BLOCK + 1u) + column + j * 16u];
            }
            for (var i = 0u; i < 4u; i++) {
                let a = a_slice[k * (BLOCK + 1u) + row + i * 16u];
                for (var j = 0u; j < 4u; j++) {
                    sums[i][j] = fma(a, b[j], sums[i][j]);
                }
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let to_row = block_row + row + i * 16u;
            let to_column = block_column + column + j * 16u;
            if to_row < size.x && to_column < size.y {
                store(part, to_row, to_column, sums[i][j]);
            }
        }
    }
}
