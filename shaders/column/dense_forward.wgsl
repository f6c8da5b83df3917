// dense_forward (see dense_forward.wgsl) for a whole layer of one unit whose inputs are a
// multiple of 4: a product with a column. One invocation a row, read four elements at a time
// into four sums; where SHARED, the 64 invocations of a workgroup share a row.

var<workgroup> parts: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let group = workgroup_index(workgroup, workgroups);
    let row = select(group * 64u + local, group, SHARED);
    let is_inside = row < params.rows;
    let blocks = params.inputs / 4u;
    var sums = vec4f(0.0);
    if is_inside {
        for (var i = select(0u, local, SHARED); i < blocks; i += select(1u, 64u, SHARED)) {
            let w =
                vec4f(weights[4u * i], weights[4u * i + 1u], weights[4u * i + 2u], weights[4u * i + 3u]);
            sums = fma(input[row * blocks + i], w, sums);
        }
    }
    var sum = (sums.x + sums.y) + (sums.z + sums.w);
    if SHARED {
        parts[local] = sum;
        workgroupBarrier();
        for (var others = 32u; others > 0u; others /= 2u) {
            if local < others {
                parts[local] += parts[local + others];
            }
            workgroupBarrier();
        }
        sum = parts[0];
    }
    if is_inside && (!SHARED || local == 0u) {
        output[row] = activate(params.activation, sum + weights[params.inputs]);
    }
}
