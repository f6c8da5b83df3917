// output[p, :] = table[ids[p], :] for p in 0..positions; rows of `units` elements. The binding holds
// `rows` rows of the table from `first` on: a table larger than a binding is gathered in pieces,
// each of which writes the positions whose ids it holds.
// One invocation up to four neighbouring columns of one position.

struct Params {
    positions: u32,
    units: u32,
    first: u32,
    rows: u32,
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
    // Below `first` it wraps to a number that no table reaches.
    let row = ids[position] - params.first;
    if row >= params.rows {
        return;
    }
    let read_at = row * params.units + column;
    let write_at = position * params.units + column;
    for (var j = 0u; j < count; j++) {
        output[write_at + j] = table[read_at + j];
    }
}
