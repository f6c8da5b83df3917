// Kernels over rows of items (`Item`: vec4f or f32, with WIDE numbers each, set in front): eight
// invocations share a row, so that none divides to find it, and each takes up to four items of it.
// Rows lie along y and z of the grid, since one dimension stops at 65,535.
//
// Where SOFTWARE, a CPU plays the lanes: it computes what lies behind a branch for all lanes, wanted
// or not, and is fast only where there is no branch and no loop. So an invocation takes one item, and
// one past the edge does the last again.
const ROW_LANES: u32 = 8u;
const ROW_ITEMS: u32 = select(4u, 1u, SOFTWARE);

fn row_index(workgroup: vec3u, workgroups: vec3u, local: vec3u) -> u32 {
    return (workgroup.z * workgroups.y + workgroup.y) * 32u + local.y;
}

// Column `item` of this invocation, for item < ROW_ITEMS.
fn column_at(workgroup: vec3u, local: vec3u, item: u32) -> u32 {
    return (workgroup.x * ROW_ITEMS + item) * ROW_LANES + local.x;
}
