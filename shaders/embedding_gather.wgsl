// Gathers rows of an embedding table: output[p, :] = table[ids[p] - first, :]. The table may be one
// piece of several, which holds `rows` rows from `first` on: positions whose id lies elsewhere are
// left to the other pieces. Rows of items: see shared/rows.wgsl.

struct Params {
    positions: u32,
    units: u32,
    first: u32,
    rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<Item>;
@group(0) @binding(3) var<storage, read_write> output: array<Item>;

@compute @workgroup_size(8, 32)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_id) local: vec3u,
) {
    let position = row_index(workgroup, workgroups, local);
    if position >= params.positions {
        return;
    }
    // Below `first` it wraps to a number that no table reaches.
    let row = ids[position] - params.first;
    if row >= params.rows {
        return;
    }
    let columns = params.units / WIDE;
    let end = column_end(workgroup, columns);
    for (var c = column_begin(workgroup, local); c < end; c += ROW_LANES) {
        output[position * columns + c] = table[row * columns + c];
    }
}
