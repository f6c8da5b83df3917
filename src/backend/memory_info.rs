//! The machine's free memory, to say what does not fit before any work.

/// Bytes of memory that this process can still take.
pub fn free_memory() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let free = system.available_memory();
    // A container may have less than its machine.
    Some(system.cgroup_limits().map_or(free, |limits| limits.free_memory.min(free)))
}
