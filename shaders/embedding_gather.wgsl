// output[p, :] = table[ids[p], :] for p in 0..positions; rows of `units` elements.
// One invocation up to four neighbouring columns of one position.

struct Params {
    positions: u32,
    units: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    let blocks = (params.units + 3u) / 4u;
    let position = i / blocks;
    if position >= params.positions {
        return;
    }
    let column = (i % blocks) * 4u;
    let count = min(4u, params.units - column);
    let read_at = ids[position] * params.units + column;
    let write_at = position * params.units + column;
    for (var j = 0u; j < count; j++) {
        output[write_at + j] = table[read_at + j];
    }
}
