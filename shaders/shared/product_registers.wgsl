// A matrix product C [m, n] = A [m, k] B [k, n] without workgroup memory: one invocation computes
// a tile of TILE_M x TILE_N elements in registers. Each form (dense_*.wgsl) gives the sizes
// (`product_size` = m, n, k), reads A and B by `load_a(part, row, k)` and `load_b(part, k, column)`, and
// writes an element by `store(part, row, column, sum)`. Rows and columns past the edge are clamped to
// the last one: computed twice, stored once.
//
// Where the terms of one element are cut into parts (dense_gradient_weights), `part` is the
// workgroup's: a product of its own with fewer terms, which the form's functions see to.

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) invocation: vec3u) {
    let part = invocation.z;
    let size = product_size(part);
    let row = invocation.y * TILE_M;
    let column = invocation.x * TILE_N;
    if row >= size.x || column >= size.y {
        return;
    }
    var sums: array<array<f32, TILE_N>, TILE_M>;
    for (var k = 0u; k < size.z; k++) {
        var b: array<f32, TILE_N>;
        for (var j = 0u; j < TILE_N; j++) {
            b[j] = load_b(part, k, min(column + j, size.y - 1u));
        }
        for (var i = 0u; i < TILE_M; i++) {
            let a = load_a(part, min(row + i, size.x - 1u), k);
            for (var j = 0u; j < TILE_N; j++) {
                sums[i][j] = fma(a, b[j], sums[i][j]);
            }
        }
    }
    // Bounds that the compiler knows: indexed by what it does not know, the sums would lie in memory, in the loop above too.
    for (var i = 0u; i < TILE_M; i++) {
        for (var j = 0u; j < TILE_N; j++) {
            if row + i < size.x && column + j < size.y {
                store(part, row + i, column + j, sums[i][j]);
            }
        }
    }
}
