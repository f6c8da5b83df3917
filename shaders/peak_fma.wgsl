// The device's multiply-add ceiling: each invocation runs `iterations` times ROUNDS rounds of 16
// independent multiply-adds x = x / 2 + 1 / 4 (as four vec4f, each two deep) and keeps the sum, so that
// nothing can be left out. The values tend to 1 / 2.

// Rounds of an iteration, unrolled: where lanes are played, what a loop changes is stored through a mask.
const ROUNDS: u32 = 8u;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= params.count {
        return;
    }
    let start = f32(i % 256u) / 256.0;
    var a = vec4f(start);
    var b = vec4f(start + 0.25);
    var c = vec4f(start + 0.5);
    var d = vec4f(start + 0.75);
    for (var k = 0u; k < params.iterations; k++) {
        for (var round = 0u; round < ROUNDS; round++) {
            a = fma(a, vec4f(0.5), vec4f(0.25));
            b = fma(b, vec4f(0.5), vec4f(0.25));
            c = fma(c, vec4f(0.5), vec4f(0.25));
            d = fma(d, vec4f(0.5), vec4f(0.25));
        }
    }
    let sum = a + b + c + d;
    output[i] = sum.x + sum.y + sum.z + sum.w;
}
