// Last third of a pass of the radix sort: each (key, value) moves to its place, which is how many keys
// have a smaller digit (`totals`), plus how many in runs before have its own (`counts`), plus how many
// before it in its run. In the first pass (`first` = 1) the values are the positions 0, 1, 2, ...
// themselves and are not read.
//
// One workgroup a run, BLOCK keys at a time. Their digits are written as eight rows of bits, one for each bit of a digit,
// 32 keys a word; the keys with a key's digit are the AND of the eight rows, or of their complements
// where the digit has a zero, and those before it are counted.

const BLOCK: u32 = 512u;
const WORDS: u32 = BLOCK / 32u;

// By digit: where its next key goes, and how many the block has.
var<workgroup> places: array<u32, 256>;
var<workgroup> tally: array<atomic<u32>, 256>;
var<workgroup> bits: array<atomic<u32>, 8u * WORDS>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let run = workgroup_index(workgroup, workgroups);
    let runs = count_runs();
    // Zero keys are left to workgroups behind the last run.
    let end = min((run + 1u) * params.run, params.count);

    let total = totals[local];
    let smaller = prefix_sum(local, total) - total;
    places[local] = smaller + counts[local * runs + min(run, runs - 1u)];

    for (var begin = run * params.run; begin < end; begin += BLOCK) {
        let keys_here = min(end - begin, BLOCK);
        atomicStore(&tally[local], 0u);
        if local < 8u * WORDS {
            atomicStore(&bits[local], 0u);
        }
        workgroupBarrier();
        for (var k = local; k < keys_here; k += 256u) {
            let digit = (keys[begin + k] >> params.shift) & 255u;
            atomicAdd(&tally[digit], 1u);
            for (var bit = 0u; bit < 8u; bit++) {
                if ((digit >> bit) & 1u) == 1u {
                    atomicOr(&bits[bit * WORDS + k / 32u], 1u << (k % 32u));
                }
            }
        }
        workgroupBarrier();
        for (var k = local; k < keys_here; k += 256u) {
            let key = keys[begin + k];
            let digit = (key >> params.shift) & 255u;
            var place = places[digit];
            for (var word = 0u; word <= k / 32u; word++) {
                var same = select(0xffffffffu, (1u << (k % 32u)) - 1u, word == k / 32u);
                for (var bit = 0u; bit < 8u; bit++) {
                    let row = atomicLoad(&bits[bit * WORDS + word]);
                    same &= select(~row, row, ((digit >> bit) & 1u) == 1u);
                }
                place += countOneBits(same);
            }
            sorted_keys[place] = key;
            if params.first == 1u {
                sorted_values[place] = begin + k;
            } else {
                sorted_values[place] = values[begin + k];
            }
        }
        workgroupBarrier();
        places[local] += atomicLoad(&tally[local]);
    }
}
