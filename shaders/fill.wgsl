// Sets `count` elements to one value. One invocation one item: `Item` is vec4f or f32, with WIDE numbers,
// set in front.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i < params.count / WIDE {
        values[i] = Item(params.value);
    }
}
