// Keys that are counted together; see src/kernels/radix_count.rs. Digits are of eight bits.
const RUN: u32 = 512u;

// The index among all of a workgroup, whose workgroups were spread over x and y.
fn workgroup_index(workgroup: vec3u, workgroups: vec3u) -> u32 {
    return workgroup.y * workgroups.x + workgroup.x;
}
