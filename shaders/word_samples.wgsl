// Samples for word vectors, drawn from a stream of word ids (0 between sentences). Sample i is
// about the word at place cursor + i / per_word of `tokens`:
// - skip-gram (`bag` = 1, `positives` = 1): the word is the input, and the target a word of its window; a distance of
//   d is drawn with probability proportional to window - d + 1, word2vec's shrinking window;
// - CBOW (`bag` = 2 window): the words of a window of random width are the inputs, the word the target.
// - skip-gram by whole windows (`bag` = 1, `positives` = 2 window): the word is the input, and the words of a window
//   of random width are all targets.
// The sample's `negatives` follow its targets: words drawn by `thresholds` and `others` (Walker's
// alias table), the same for `group` neighbouring samples. A sample outside a sentence, and a negative
// that equals a target, are 0.
// Also opens the step: writes BATCH_STEP and BATCH_SLOT. One invocation a sample.

// The word `distance` places from `place` on the given side, or 0 if the sentence ends before.
fn word_at(place: u32, distance: u32, to_right: bool) -> u32 {
    var at = place;
    for (var d = 0u; d < distance; d++) {
        if (to_right && at + 1u >= params.tokens) || (!to_right && at == 0u) {
            return 0u;
        }
        at = select(at - 1u, at + 1u, to_right);
        if tokens[at] == 0u {
            return 0u;
        }
    }
    return tokens[at];
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear_index(workgroup, workgroups, local);
    if i == 0u {
        state[BATCH_STEP] = state[STEP] + 1u;
        state[BATCH_SLOT] = state[SLOT];
    }
    if i >= params.samples {
        return;
    }
    let step = state[STEP] + 1u;
    let place = state[CURSOR] + i / params.per_word;
    var word = 0u;
    if place < params.tokens {
        word = tokens[place];
    }
    var target_word = word;
    let bits = random_bits(params.seed, 0u, step, i);
    let start = i * (params.negatives + params.positives);
    if params.positives > 1u {
        let width = 1u + bits % params.window;
        var found = false;
        for (var d = 1u; d <= params.window; d++) {
            let inside = word != 0u && d <= width;
            var before = 0u;
            var behind = 0u;
            if inside {
                before = word_at(place, d, false);
                behind = word_at(place, d, true);
            }
            targets[start + 2u * d - 2u] = before;
            targets[start + 2u * d - 1u] = behind;
            found = found || before != 0u || behind != 0u;
        }
        target_word = select(0u, word, found);
        bags[i] = target_word;
    } else if params.bag == 1u {
        var left = (bits >> 1u) % (params.window * (params.window + 1u) / 2u);
        var distance = 1u;
        while left >= params.window - distance + 1u {
            left -= params.window - distance + 1u;
            distance += 1u;
        }
        if word != 0u {
            target_word = word_at(place, distance, (bits & 1u) == 1u);
        }
        bags[i] = select(word, 0u, target_word == 0u);
    } else {
        let width = 1u + bits % params.window;
        for (var d = 1u; d <= params.window; d++) {
            let inside = word != 0u && d <= width;
            var before = 0u;
            var behind = 0u;
            if inside {
                before = word_at(place, d, false);
                behind = word_at(place, d, true);
            }
            bags[i * params.bag + 2u * d - 2u] = before;
            bags[i * params.bag + 2u * d - 1u] = behind;
        }
    }
    if params.positives == 1u {
        targets[start] = target_word;
    }
    let group = i / params.group;
    for (var n = 1u; n <= params.negatives; n++) {
        let at = random_bits(params.seed, 2u * n - 1u, step, group) % params.words;
        let keeps = random_bits(params.seed, 2u * n, step, group) < thresholds[at];
        let drawn = params.first_word + select(others[at], at, keeps);
        var is_target = false;
        for (var t = 0u; t < params.positives; t++) {
            is_target = is_target || targets[start + t] == drawn;
        }
        targets[start + params.positives + n - 1u] = select(drawn, 0u, target_word == 0u || is_target);
    }
}
