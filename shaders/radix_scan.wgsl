// Second third of a pass of the radix sort: `counts` [256, runs] becomes its exclusive prefix
// sum, the place where each (digit, run) begins. One workgroup: each invocation sums a stretch,
// one of them sums the stretches, each writes its stretch.

struct Params {
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> counts: array<u32>;

var<workgroup> totals: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32) {
    let size = 256u * ((params.count + RUN - 1u) / RUN);
    let stretch = size / 256u;
    let start = local * stretch;
    var total = 0u;
    for (var i = start; i < start + stretch; i++) {
        total += counts[i];
    }
    totals[local] = total;
    workgroupBarrier();
    var offset = 0u;
    for (var i = 0u; i < local; i++) {
        offset += totals[i];
    }
    for (var i = start; i < start + stretch; i++) {
        let here = counts[i];
        counts[i] = offset;
        offset += here;
    }
}
