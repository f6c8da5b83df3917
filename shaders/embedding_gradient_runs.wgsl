// Sums d_output rows over runs of equal ids, given (id, position) pairs sorted by id. The pairs
// are cut into tiles of TILE; an invocation owns up to four columns of a tile and walks it. A run
// that lies within the tile goes straight to gradient[id, :]. The part of a run that came in
// from the tile before goes to heads[tile, :]; the part of a run that began here and goes on
// into the next tile goes to tails[tile, :]. embedding_gradient_carry joins those.
// The gradient must be zero before: rows that no id names are not written.
//
// Bags (`length` > 0) are as in embedding_gradient.wgsl. The binding `gradient` holds `rows` rows of
// the table from `first` on: runs of other ids are left to the dispatches of other pieces.

struct Params {
    positions: u32,
    units: u32,
    length: u32,
    first: u32,
    rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sorted_ids: array<u32>;
@group(0) @binding(2) var<storage, read> sorted_positions: array<u32>;
@group(0) @binding(3) var<storage, read> d_output: array<f32>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;
@group(0) @binding(5) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(6) var<storage, read_write> heads: array<f32>;
@group(0) @binding(7) var<storage, read_write> tails: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    let blocks = (params.units + 3u) / 4u;
    let tile = i / blocks;
    let start = tile * TILE;
    if start >= params.positions {
        return;
    }
    let end = min(start + TILE, params.positions);
    let column = (i % blocks) * 4u;
    let width = min(4u, params.units - column);
    var total = vec4f(0.0);
    var came_in = start > 0u && sorted_ids[start - 1u] == sorted_ids[start];
    for (var p = start; p < end; p++) {
        let id = sorted_ids[p];
        var row = sorted_positions[p];
        var scale = 1.0;
        if params.length > 0u {
            row /= params.length;
            scale = select(scales[row], 0.0, id == 0u);
        }
        let read_at = row * params.units + column;
        for (var j = 0u; j < width; j++) {
            total[j] = fma(scale, d_output[read_at + j], total[j]);
        }
        let goes_on = p + 1u < params.positions && sorted_ids[p + 1u] == id;
        if goes_on && p + 1u < end {
            continue;
        }
        // Below `first` it wraps to a number that no table reaches.
        let gradient_row = id - params.first;
        for (var j = 0u; j < width && gradient_row < params.rows; j++) {
            if came_in {
                heads[tile * params.units + column + j] = total[j];
            } else if goes_on {
                tails[tile * params.units + column + j] = total[j];
            } else {
                gradient[gradient_row * params.units + column + j] = total[j];
            }
        }
        total = vec4f(0.0);
        came_in = false;
    }
}
