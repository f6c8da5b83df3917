// Last third of a pass of the radix sort: each (key, value) moves to its place. In the first
// pass (`first` = 1) the values are the positions 0, 1, 2, ... themselves and are not read.
// One invocation a run, which advances its own places in `counts`.

struct Params {
    count: u32,
    shift: u32,
    first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read> values: array<u32>;
@group(0) @binding(3) var<storage, read_write> counts: array<u32>;
@group(0) @binding(4) var<storage, read_write> sorted_keys: array<u32>;
@group(0) @binding(5) var<storage, read_write> sorted_values: array<u32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let run = linear_index(workgroup, workgroups, local);
    let runs = (params.count + RUN - 1u) / RUN;
    if run >= runs {
        return;
    }
    for (var i = run * RUN; i < min((run + 1u) * RUN, params.count); i++) {
        let key = keys[i];
        let bin = ((key >> params.shift) & 255u) * runs + run;
        let place = counts[bin];
        counts[bin] = place + 1u;
        sorted_keys[place] = key;
        if params.first == 1u {
            sorted_values[place] = i;
        } else {
            sorted_values[place] = values[i];
        }
    }
}
