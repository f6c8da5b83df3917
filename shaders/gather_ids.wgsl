// The ids of a batch's texts, one behind the other: row r's are values[spans[2 r] ..][.. spans[2 r + 1]]
// and go to ids[starts[r] ..], with their row beside them; the places of `ids` [words] behind the last row's
// are filled with padding, 0. starts has rows + 1 numbers. LANES invocations share a row: each adds up the
// lengths of all rows by itself, since that is few numbers, and copies every LANES-th id.

const LANES: u32 = 8u;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i >= params.rows * LANES {
        return;
    }
    let row = i / LANES;
    let lane = i % LANES;
    var start = 0u;
    var total = 0u;
    for (var r = 0u; r < params.rows; r++) {
        let length = spans[2u * r + 1u];
        start += select(0u, length, r < row);
        total += length;
    }
    if lane == 0u {
        starts[row] = start;
        if row + 1u == params.rows {
            starts[params.rows] = total;
        }
    }
    let first = spans[2u * row];
    let length = spans[2u * row + 1u];
    for (var k = lane; k < length; k += LANES) {
        ids[start + k] = values[first + k];
        row_of_id[start + k] = row;
    }
    for (var k = total + i; k < params.words; k += params.rows * LANES) {
        ids[k] = 0u;
        row_of_id[k] = 0u;
    }
}
