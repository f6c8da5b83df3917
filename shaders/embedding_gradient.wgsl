// gradient[r, :] = sum of d_output[p, :] over the positions p with ids[p] = r, in the order of p.
// For a bag (embedding_bag) of `length` ids a row, position p has the gradient
// scales[p / length] * d_output[p / length, :], and id 0 has none; `length` is 0 for an embedding.
// One invocation an element of the gradient, each reading every id: for small tables and batches.
// Large ones go through the sort (radix_*) and embedding_gradient_runs.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= params.rows * params.units {
        return;
    }
    let row = i / params.units;
    let column = i % params.units;
    var total = 0.0;
    if params.length > 0u && row == 0u {
        gradient[i] = 0.0;
        return;
    }
    for (var p = 0u; p < params.positions; p++) {
        if ids[p] != row {
            continue;
        }
        if params.length == 0u {
            total += d_output[p * params.units + column];
        } else {
            let bag = p / params.length;
            total = fma(scales[bag], d_output[bag * params.units + column], total);
        }
    }
    gradient[i] = total;
}
