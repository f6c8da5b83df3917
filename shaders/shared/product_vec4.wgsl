// A matrix product C [m, n] = A [m, k] B [k, n] without workgroup memory, whose operands are read
// and stored four neighbours at a time: one invocation computes TILE_M x TILE_N elements in
// registers. n is a multiple of 4. Each form (vec4/dense_*.wgsl) gives the sizes (`product_size`
// = m, n, k), `load_a(part, left_of(part, i), j)`, `load_b(part, i, j)` and `store(part, row, column_4, sums)`, in units of
// four columns; `left_of` is what may be found once of a row. Where A_ALONG_K, load_a of (row, k_4) gives four neighbours
// along k (and k is a multiple of 4), else of (row_4, k) four along m. Where B_ALONG_K, load_b(column, k_4) gives four
// along k, else load_b(column_4, k) four along n. Rows and columns past the edge are clamped to
// the last: computed twice, stored once.
//
// Where the terms of one element are cut into parts (dense_gradient_weights), `part` is the
// workgroup's: a product of its own with fewer terms, which the form's functions see to.

const HALVES: u32 = TILE_N / 4u;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) invocation: vec3u) {
    let part = invocation.z;
    let size = product_size(part);
    let row = invocation.y * TILE_M;
    let column = invocation.x * TILE_N;
    if row >= size.x || column >= size.y {
        return;
    }
    let columns_4 = size.y / 4u;
    var sums: array<array<vec4f, HALVES>, TILE_M>;
    if A_ALONG_K {
        for (var k = 0u; k < size.z; k += 4u) {
            var a: array<vec4f, TILE_M>;
            for (var i = 0u; i < TILE_M; i++) {
                a[i] = load_a(part, left_of(part, min(row + i, size.x - 1u)), k / 4u);
            }
            for (var h = 0u; h < HALVES; h++) {
                // b[d] are four columns at k + d.
                var b: array<vec4f, 4>;
                let column_4 = min(column / 4u + h, columns_4 - 1u);
                for (var d = 0u; d < 4u; d++) {
                    if B_ALONG_K {
                        b[d] = load_b(part, column_4 * 4u + d, k / 4u);
                    } else {
                        b[d] = load_b(part, column_4, k + d);
                    }
                }
                if B_ALONG_K {
                    let t = transpose(mat4x4f(b[0], b[1], b[2], b[3]));
                    b[0] = t[0];
                    b[1] = t[1];
                    b[2] = t[2];
                    b[3] = t[3];
                }
                for (var i = 0u; i < TILE_M; i++) {
                    var sum = sums[i][h];
                    sum = fma(vec4f(a[i].x), b[0], sum);
                    sum = fma(vec4f(a[i].y), b[1], sum);
                    sum = fma(vec4f(a[i].z), b[2], sum);
                    sum = fma(vec4f(a[i].w), b[3], sum);
                    sums[i][h] = sum;
                }
            }
        }
    } else {
        let rows_4 = (size.x + 3u) / 4u;
        for (var k = 0u; k < size.z; k++) {
            var b: array<vec4f, HALVES>;
            for (var h = 0u; h < HALVES; h++) {
                b[h] = load_b(part, min(column / 4u + h, columns_4 - 1u), k);
            }
            for (var i = 0u; i < TILE_M / 4u; i++) {
                let a = load_a(part, left_of(part, min(row / 4u + i, rows_4 - 1u)), k);
                for (var h = 0u; h < HALVES; h++) {
                    sums[i * 4u][h] = fma(vec4f(a.x), b[h], sums[i * 4u][h]);
                    sums[i * 4u + 1u][h] = fma(vec4f(a.y), b[h], sums[i * 4u + 1u][h]);
                    sums[i * 4u + 2u][h] = fma(vec4f(a.z), b[h], sums[i * 4u + 2u][h]);
                    sums[i * 4u + 3u][h] = fma(vec4f(a.w), b[h], sums[i * 4u + 3u][h]);
                }
            }
        }
    }
    for (var i = 0u; i < TILE_M; i++) {
        for (var h = 0u; h < HALVES; h++) {
            if row + i < size.x && column / 4u + h < columns_4 {
                store(part, row + i, column / 4u + h, sums[i][h]);
            }
        }
    }
}
