// Sum of `value` over the 256 invocations of a workgroup, in a fixed order; every invocation
// must call it. Two barriers instead of a tree's eight: software adapters pay for each.
var<workgroup> reduce_parts: array<vec2f, 256>;

fn reduce(local: u32, value: vec2f) -> vec2f {
    reduce_parts[local] = value;
    workgroupBarrier();
    var total = vec2f(0.0);
    if local < 16u {
        for (var i = 0u; i < 16u; i++) {
            total += reduce_parts[local * 16u + i];
        }
        reduce_parts[local * 16u] = total;
    }
    workgroupBarrier();
    if local == 0u {
        total = vec2f(0.0);
        for (var i = 0u; i < 16u; i++) {
            total += reduce_parts[i * 16u];
        }
    }
    return total;
}
