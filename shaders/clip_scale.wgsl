// scale[0] = min(1, limit / sqrt(the sum of sums [partials])): what gradients are multiplied by so that
// their norm is at most `limit`. A norm that is NaN or infinite gives NaN, so that the loss shows it.
// One workgroup.

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    var total = 0.0;
    for (var i = local; i < params.partials; i += 256u) {
        total += sums[i];
    }
    let totals = reduce(local, vec2f(total, 0.0));
    if local == 0u {
        let is_finite = (bitcast<u32>(totals.x) & 0x7f800000u) != 0x7f800000u;
        let norm = sqrt(totals.x);
        var factor = 1.0;
        if norm > params.limit {
            factor = params.limit / norm;
        }
        // A NaN that no compiler knows to be one: constant ones are refused.
        scale[0] = select(bitcast<f32>(0x7fc00000u | params.partials), factor, is_finite);
    }
}
