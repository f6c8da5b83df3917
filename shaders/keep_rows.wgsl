// Copies the outputs of a batch, [rows, width], to rows cursor, cursor + 1, ... of `store` [all rows, width], by as many
// workgroups as there is to copy; store_rows.wgsl then moves the cursor on.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i < params.rows * params.width {
        store[state[CURSOR] * params.width + i] = outputs[i];
    }
}
