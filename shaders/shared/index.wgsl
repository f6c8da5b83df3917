// The index of a workgroup among all, which were spread over x and y because one dimension stops at
// 65,535.
fn workgroup_index(workgroup: vec3u, workgroups: vec3u) -> u32 {
    return workgroup.y * workgroups.x + workgroup.x;
}

// The linear index of an invocation of a kernel with 256 invocations a workgroup.
fn linear_index(workgroup: vec3u, workgroups: vec3u, local: u32) -> u32 {
    return workgroup_index(workgroup, workgroups) * 256u + local;
}
