// Kernels over rows of items (`Item`: vec4f or f32, with WIDE numbers each, set in front): eight
// invocations share a row, so that none divides to find it, and each takes up to four items of it.
// Rows lie along y and z of the grid, since one dimension stops at 65,535.
const ROW_LANES: u32 = 8u;
const ROW_SPAN: u32 = 32u;

fn row_index(workgroup: vec3u, workgroups: vec3u, local: vec3u) -> u32 {
    return (workgroup.z * workgroups.y + workgroup.y) * 32u + local.y;
}

// The first of an invocation's columns; the others are ROW_LANES apart, up to column_end.
fn column_begin(workgroup: vec3u, local: vec3u) -> u32 {
    return workgroup.x * ROW_SPAN + local.x;
}

fn column_end(workgroup: vec3u, columns: u32) -> u32 {
    return min((workgroup.x + 1u) * ROW_SPAN, columns);
}
