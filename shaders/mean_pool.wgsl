// output[r, :] = mean of input[r, l, :] over the positions l with ids[r, l] != 0; zero where a
// row has none. One invocation an element of the output [rows, units].

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    let row = i / params.units;
    if row >= params.rows {
        return;
    }
    let column = i % params.units;
    var total = 0.0;
    var count = 0u;
    for (var l = 0u; l < params.length; l++) {
        let position = row * params.length + l;
        if ids[position] != 0u {
            total += input[position * params.units + column];
            count += 1u;
        }
    }
    output[i] = total / f32(max(count, 1u));
}
