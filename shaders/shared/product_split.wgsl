// A matrix product C [m, n] = A [m, k] B [k, n] of few columns and many terms, for real GPUs: the form's functions are
// those of product_registers.wgsl. A workgroup computes EDGE x EDGE elements, and its invocations share their terms:
// sixteen of them have 2 x 2 elements each and make a slice, and each of SLICES slices takes AHEAD neighbouring terms of
// every SLICES * AHEAD. So a card's cores have work where C is no more than a few blocks, and an invocation waits for its
// operands k / 128 times, not k times. The slices' sums are added in their order; they are other sums than
// those in the order of k, so that the rule (src/kernels/product.rs) chooses this form by the layer alone: no row's
// result hangs on how many there are beside it.

const EDGE: u32 = 8u;
const SLICES: u32 = 16u;
const AHEAD: u32 = 8u;

// [SLICES, EDGE, EDGE]
var<workgroup> slice_sums: array<f32, SLICES * EDGE * EDGE>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
    let part = workgroup.z;
    let size = product_size(part);
    let last = size.xy - 1u;
    let first = workgroup.yx * EDGE;
    let slice = local / 16u;
    let inner = 2u * vec2u(local / 4u % 4u, local % 4u);
    let rows = min(first.xx + inner.x + vec2u(0u, 1u), last.xx);
    let columns = min(first.yy + inner.y + vec2u(0u, 1u), last.yy);

    // Of each row the sums of its two columns.
    var sums: array<vec2f, 2>;
    for (var begin = slice * AHEAD; begin < size.z; begin += SLICES * AHEAD) {
        // All is asked for before any of it is needed.
        var a: array<vec2f, AHEAD>;
        var b: array<vec2f, AHEAD>;
        for (var t = 0u; t < AHEAD; t++) {
            let k = begin + t;
            a[t] = vec2f(0.0);
            b[t] = vec2f(0.0);
            if k < size.z {
                a[t] = vec2f(load_a(part, rows.x, k), load_a(part, rows.y, k));
                b[t] = vec2f(load_b(part, k, columns.x), load_b(part, k, columns.y));
            }
        }
        for (var t = 0u; t < AHEAD; t++) {
            sums[0] = fma(a[t].xx, b[t], sums[0]);
            sums[1] = fma(a[t].yy, b[t], sums[1]);
        }
    }
    let at = slice * EDGE * EDGE + inner.x * EDGE + inner.y;
    slice_sums[at] = sums[0].x;
    slice_sums[at + 1u] = sums[0].y;
    slice_sums[at + EDGE] = sums[1].x;
    slice_sums[at + EDGE + 1u] = sums[1].y;
    workgroupBarrier();

    let row = first.x + local / EDGE;
    let column = first.y + local % EDGE;
    if local < EDGE * EDGE && row < size.x && column < size.y {
        var sum = 0.0;
        for (var other = 0u; other < SLICES; other++) {
            sum += slice_sums[other * EDGE * EDGE + local];
        }
        store(part, row, column, sum);
    }
}
