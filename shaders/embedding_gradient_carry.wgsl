// Joins the runs that cross tiles: where a run began in a tile and went on, gradient[id, :] is
// tails[tile, :] plus heads[next tiles, :] in order. One invocation a column of a tile; those of
// tiles where no such run begins do nothing. The binding `gradient` holds `rows` rows of the table
// from `first` on; runs of other ids are left to other pieces.

struct Params {
    positions: u32,
    units: u32,
    first: u32,
    rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sorted_ids: array<u32>;
@group(0) @binding(2) var<storage, read> heads: array<f32>;
@group(0) @binding(3) var<storage, read> tails: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    let tile = i / params.units;
    let column = i % params.units;
    let start = tile * TILE;
    var next = start + TILE;
    if next >= params.positions {
        return;
    }
    let id = sorted_ids[next - 1u];
    let began_before = start > 0u && sorted_ids[start - 1u] == id;
    let row = id - params.first;
    if began_before || sorted_ids[next] != id || row >= params.rows {
        return;
    }
    var total = tails[tile * params.units + column];
    while next < params.positions && sorted_ids[next] == id {
        total += heads[(next / TILE) * params.units + column];
        next += TILE;
    }
    gradient[row * params.units + column] = total;
}
