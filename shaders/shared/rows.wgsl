// Kernels over rows of items (`Item`: vec4f, f32 or mat2x4f, with WIDE numbers each, set in front): eight
// invocations share a row, so that none divides to find it, and each takes up to four items of it.
// Rows lie along y and z of the grid, since one dimension stops at 65,535.
//
// Where SOFTWARE, a CPU plays the lanes: it computes what lies behind a branch for all lanes, wanted
// or not, and is fast only where there is no branch and no loop. So an invocation takes one item, and
// one past the edge does the last again. Forms for real GPUs alone (`hardware` of the macro `kernel!`) take one item an
// invocation too: more of them wait at the same time.
const ROW_LANES: u32 = 8u;
const ROW_ITEMS: u32 = select(4u, 1u, SOFTWARE);

fn row_index(workgroup: vec3u, workgroups: vec3u, local: vec3u) -> u32 {
    return (workgroup.z * workgroups.y + workgroup.y) * 32u + local.y;
}

// Column `item` of this invocation, for item < ROW_ITEMS.
fn column_at(workgroup: vec3u, local: vec3u, item: u32) -> u32 {
    return (workgroup.x * ROW_ITEMS + item) * ROW_LANES + local.x;
}

// The column of an invocation that takes one item.
fn own_column(workgroup: vec3u, local: vec3u) -> u32 {
    return workgroup.x * ROW_LANES + local.x;
}

// For kernels that walk along rows: a row's columns from walk_begin to walk_end, ROW_LANES apart. Where
// SOFTWARE the eight invocations take all, so that one walk serves them.
fn walk_begin(workgroup: vec3u, local: vec3u) -> u32 {
    return workgroup.x * 4u * ROW_LANES + local.x;
}

fn walk_end(workgroup: vec3u, columns: u32) -> u32 {
    return select(min((workgroup.x + 1u) * 4u * ROW_LANES, columns), columns, SOFTWARE);
}
