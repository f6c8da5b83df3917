// output[r, :] = activation(scale * sum of table[ids[r, l], :] over the l with ids[r, l] != 0 + bias):
// what a dense layer gives for a bag of words, whose row of counts is never made. The scale is 1
// (combine = 0), 1 / n (1) or 1 / sqrt(n) (2), n the ids of the row that are not 0, at least 1; it
// goes to scales[r] too, for the gradient.
//
// The binding holds `table_rows` rows of the table from `first` on: a table larger than a binding is
// summed in pieces, each adding (`adds`) to the sums of those before, and the last (`ends`) doing
// the rest. One invocation up to four neighbouring columns of one row.

struct Params {
    rows: u32,
    length: u32,
    units: u32,
    first: u32,
    table_rows: u32,
    combine: u32,
    activation: u32,
    adds: u32,
    ends: u32,
    bias: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;
@group(0) @binding(5) var<storage, read_write> scales: array<f32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    let blocks = (params.units + 3u) / 4u;
    let row = i / blocks;
    if row >= params.rows {
        return;
    }
    let column = (i % blocks) * 4u;
    let width = min(4u, params.units - column);
    let at = row * params.units + column;
    var sums = vec4f(0.0);
    if params.adds == 1u {
        for (var j = 0u; j < width; j++) {
            sums[j] = output[at + j];
        }
    }
    var count = 0u;
    for (var l = 0u; l < params.length; l++) {
        let id = ids[row * params.length + l];
        count += select(0u, 1u, id != 0u);
        // Below `first` it wraps to a number that no table reaches.
        let table_row = id - params.first;
        if id == 0u || table_row >= params.table_rows {
            continue;
        }
        let read_at = table_row * params.units + column;
        if width == 4u {
            sums += vec4f(table[read_at], table[read_at + 1u], table[read_at + 2u], table[read_at + 3u]);
        } else {
            for (var j = 0u; j < width; j++) {
                sums[j] += table[read_at + j];
            }
        }
    }
    if params.ends == 1u {
        var scale = 1.0;
        if params.combine == 1u {
            scale = 1.0 / f32(max(count, 1u));
        } else if params.combine == 2u {
            scale = 1.0 / sqrt(f32(max(count, 1u)));
        }
        if column == 0u {
            scales[row] = scale;
        }
        for (var j = 0u; j < width; j++) {
            var z = sums[j] * scale;
            if params.bias == 1u {
                z += bias[column + j];
            }
            sums[j] = activate(params.activation, z);
        }
    }
    for (var j = 0u; j < width; j++) {
        output[at + j] = sums[j];
    }
}
