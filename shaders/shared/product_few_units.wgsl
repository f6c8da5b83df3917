// A matrix product C [m, n] = A [m, k] B [k, n] of at most COLUMNS columns, fewer than four: one invocation computes four rows,
// so that A, which is large, is read four elements at a time and once. Where A_ALONG_K, k is a multiple of 4,
// `load_a(part, left0, k_4)` and `load_b(part, column, k_4)` give four neighbours along k; else load_a(part, left_of(part, row_4), k) gives four
// rows and load_b(part, column, k) the element in all four. `store(part, row, column, sum)` and edges are those of
// product_registers.wgsl, the order of the sums as everywhere.

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let part = group.z;
    let size = product_size(part);
    let row = (group.y * 64u + local) * 4u;
    if row >= size.x {
        return;
    }
    // Of each column four rows.
    var sums: array<vec4f, COLUMNS>;
    if A_ALONG_K {
        let last = size.x - 1u;
        let left0 = left_of(part, row);
        let left1 = left_of(part, min(row + 1u, last));
        let left2 = left_of(part, min(row + 2u, last));
        let left3 = left_of(part, min(row + 3u, last));
        for (var k_4 = 0u; k_4 < size.z / 4u; k_4++) {
            // Columns are what four rows have at one k.
            let a = transpose(mat4x4f(
                load_a(part, left0, k_4),
                load_a(part, left1, k_4),
                load_a(part, left2, k_4),
                load_a(part, left3, k_4),
            ));
            for (var j = 0u; j < COLUMNS; j++) {
                let b = load_b(part, min(j, size.y - 1u), k_4);
                var sum = sums[j];
                sum = fma(a[0], vec4f(b.x), sum);
                sum = fma(a[1], vec4f(b.y), sum);
                sum = fma(a[2], vec4f(b.z), sum);
                sum = fma(a[3], vec4f(b.w), sum);
                sums[j] = sum;
            }
        }
    } else {
        let left = left_of(part, row / 4u);
        for (var k = 0u; k < size.z; k++) {
            let a = load_a(part, left, k);
            for (var j = 0u; j < COLUMNS; j++) {
                sums[j] = fma(a, load_b(part, min(j, size.y - 1u), k), sums[j]);
            }
        }
    }
    for (var j = 0u; j < COLUMNS; j++) {
        for (var i = 0u; i < 4u; i++) {
            if row + i < size.x && j < size.y {
                store(part, row + i, j, sums[j][i]);
            }
        }
    }
}
