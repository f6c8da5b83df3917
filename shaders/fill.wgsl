// Sets `count` elements to one value. One invocation four elements.

struct Params {
    count: u32,
    value: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let start = linear_index(workgroup, workgroups, local) * 4u;
    for (var i = start; i < min(start + 4u, params.count); i++) {
        values[i] = params.value;
    }
}
