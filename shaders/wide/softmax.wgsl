// softmax (see softmax.wgsl) for many outputs: the 256 invocations of a workgroup share a row, in three
// walks over it: largest logit, sum, output.

var<workgroup> row_largest: array<f32, 256>;
var<workgroup> row_sum: f32;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    // Workgroups behind the last row take part in the barriers and write nothing.
    let group = workgroup_index(workgroup, workgroups);
    let row = min(group, params.rows - 1u);
    let start = row * params.outputs;
    // No logit is below this.
    var largest = -3.4e38;
    for (var j = local; j < params.outputs; j += 256u) {
        largest = max(largest, logits[start + j]);
    }
    row_largest[local] = largest;
    workgroupBarrier();
    for (var others = 128u; others > 0u; others /= 2u) {
        if local < others {
            row_largest[local] = max(row_largest[local], row_largest[local + others]);
        }
        workgroupBarrier();
    }
    largest = row_largest[0];
    var part = 0.0;
    for (var j = local; j < params.outputs; j += 256u) {
        part += exp_f32(logits[start + j] - largest);
    }
    let sum = reduce(local, vec2f(part, 0.0));
    if local == 0u {
        row_sum = sum.x;
    }
    workgroupBarrier();
    let count = select(0u, params.outputs, group < params.rows);
    for (var j = local; j < count; j += 256u) {
        output[start + j] = exp_f32(logits[start + j] - largest) / row_sum;
    }
}
