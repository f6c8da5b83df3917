// For kernels over rows of items (shared/rows.wgsl) of which each group of eight invocations has a run of its own, and a few runs
// are so long that the 32 groups of the workgroup sum them together, one such run after the other.

// A bit for each group whose run is long.
var<workgroup> long_bits: atomic<u32>;
var<workgroup> long_runs: u32;
var<workgroup> group_sums: array<Item, 256>;

// Of the places from `low` up to `high`, each `step` sorted pairs behind the one before, the first that is not `id`'s or, where
// `is_id` is false, the first that is; `high` where there is none. Ids ascend: those before it are alike.
fn end_of(low: u32, high: u32, step: u32, id: u32, is_id: bool) -> u32 {
    var begin = low;
    var end = high;
    while begin < end {
        let middle = begin + (end - begin) / 2u;
        if (sorted_ids[middle * step] == id) == is_id {
            begin = middle + 1u;
        } else {
            end = middle;
        }
    }
    return begin;
}

// Before any run is noted; all invocations call it.
fn clear_long_runs(local: vec3u) {
    if local.x == 0u && local.y == 0u {
        atomicStore(&long_bits, 0u);
    }
    workgroupBarrier();
}

fn note_long_run(group: u32) {
    atomicOr(&long_bits, 1u << group);
}

// The bits of all groups; all invocations call it.
fn all_long_runs(local: vec3u) -> u32 {
    workgroupBarrier();
    if local.x == 0u && local.y == 0u {
        long_runs = atomicLoad(&long_bits);
    }
    return workgroupUniformLoad(&long_runs);
}

// The sums of all groups for an invocation's column, added in their order; all invocations call it.
fn sum_of_groups(local: vec3u, sum: Item) -> Item {
    group_sums[local.y * ROW_LANES + local.x] = sum;
    workgroupBarrier();
    var total: Item;
    if local.y == 0u {
        for (var group = 0u; group < 32u; group++) {
            total += group_sums[group * ROW_LANES + local.x];
        }
    }
    workgroupBarrier();
    return total;
}
