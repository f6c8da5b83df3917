// Counter-based random bits: pcg4d of Jarzynski and Olano, "Hash Functions for GPU Rendering"
// (JCGT 9(3), 2020). The same (seed, stream, step, element) gives the same bits everywhere. The low half is folded with
// the high one, since by itself it follows a pattern: see `src/kernels/random.rs`.
fn random_bits(seed: u32, stream: u32, step: u32, element: u32) -> u32 {
    var v = vec4u(seed, stream, step, element) * 1664525u + 1013904223u;
    v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
    v ^= v >> vec4u(16u);
    v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
    return v.x ^ (v.x >> 16u);
}
