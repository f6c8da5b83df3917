// sums = scale values (`adds` = 0) or sums + scale values (1), of `count` elements: gradients of a batch that is taken
// in parts. One invocation an element.

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
    // Read in any case: a select is cheaper than a branch.
    let before = select(0.0, sums[i], params.adds == 1u);
    sums[i] = fma(params.scale, values[i], before);
}
