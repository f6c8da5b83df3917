//! Samples for word vectors (Mikolov et al. 2013), drawn on the device from a stream of words:
//! skip-gram's (word, word of its window) or CBOW's (window, word), each with its negatives.
//!
//! Every draw depends on (seed, step, sample) alone, a negative on the group of samples that share
//! it. word2vec shrinks each word's window to a uniform width; a skip-gram sample draws its distance
//! with the probability that gives. Negatives come from Walker's alias table (1977) over the words.

#[cfg(feature = "unstable")]
use super::case::*;
use super::random::random_bits;
use super::state::{BATCH_SLOT, BATCH_STEP, CURSOR, SLOT, STEP};
use super::{spread, team};

kernel! {
    name: "word_samples",
    params: {
        /// Samples of a step.
        samples: u32,
        /// Samples of a word of the stream.
        per_word: u32,
        /// Words of the stream.
        tokens: u32,
        /// Words on either side of a word that are near it.
        window: u32,
        /// Inputs of a sample: 1 for skip-gram, 2 window for CBOW.
        bag: u32,
        /// Right words of a sample: 1, or for skip-gram by whole windows 2 window.
        positives: u32,
        /// Negatives of a sample.
        negatives: u32,
        /// Samples, one behind another, that share their negatives.
        group: u32,
        /// Words of the alias table.
        words: u32,
        /// Id of its first word.
        first_word: u32,
        /// The run's seed.
        seed: u32,
    },
    bindings: {
        /// The counters.
        state: write u32,
        /// `[tokens]`; 0 between sentences.
        tokens: read u32,
        /// `[words]`: random bits below this draw the word itself.
        thresholds: read u32,
        /// `[words]`: the word that other bits draw.
        others: read u32,
        /// `[samples, bag]`
        bags: write u32,
        /// `[samples, positives + negatives]`
        targets: write u32,
    },
    source: &[
        wgsl!("shared/index.wgsl"), wgsl!("shared/state.wgsl"), wgsl!("shared/random.wgsl"),
        wgsl!("word_samples.wgsl"),
    ],
    workgroups: |p| spread(p.samples as usize),
    reference: reference,
    case: case,
    benches: [("6144 skip-gram samples", [6144, 4096, 20_000, 5])],
}

fn reference(
    p: &Params,
    state: &mut [u32],
    tokens: &[u32],
    thresholds: &[u32],
    others: &[u32],
    bags: &mut [u32],
    targets: &mut [u32],
) {
    state[BATCH_STEP] = state[STEP] + 1;
    state[BATCH_SLOT] = state[SLOT];
    let (step, cursor) = (state[BATCH_STEP], state[CURSOR]);
    let tokens = &tokens[..p.tokens as usize];
    let word_at = |place: usize, distance: usize, to_right: bool| -> u32 {
        let step: isize = if to_right { 1 } else { -1 };
        let mut at = place;
        for _ in 0..distance {
            let Some(next) = at.checked_add_signed(step).filter(|&next| next < tokens.len()) else {
                return 0;
            };
            at = next;
            if tokens[at] == 0 {
                return 0;
            }
        }
        tokens[at]
    };
    let (bag, positives) = (p.bag as usize, p.positives as usize);
    let each = positives + p.negatives as usize;
    let draw = |group: u32, drawn: &mut [u32]| {
        for (n, drawn) in (1..).zip(drawn) {
            let at = random_bits(p.seed, 2 * n - 1, step, group) % p.words;
            let keeps = random_bits(p.seed, 2 * n, step, group) < thresholds[at as usize];
            *drawn = p.first_word + if keeps { at } else { others[at as usize] };
        }
    };
    let sample = |i: u32, bag: &mut [u32], targets: &mut [u32], drawn: &[u32]| {
        let place = (cursor + i / p.per_word) as usize;
        let word = tokens.get(place).copied().unwrap_or(0);
        let bits = random_bits(p.seed, 0, step, i);
        let mut target = word;
        if positives > 1 {
            let width = 1 + bits % p.window;
            for (d, pair) in (1..=p.window).zip(targets[..positives].chunks_exact_mut(2)) {
                let inside = word != 0 && d <= width;
                let at = |to_right| if inside { word_at(place, d as usize, to_right) } else { 0 };
                pair.copy_from_slice(&[at(false), at(true)]);
            }
            let found = targets[..positives].iter().any(|&target| target != 0);
            target = if found { word } else { 0 };
            bag[0] = target;
        } else if let [input] = bag {
            let mut left = (bits >> 1) % (p.window * (p.window + 1) / 2);
            let mut distance = 1;
            while left > p.window - distance {
                left -= p.window - distance + 1;
                distance += 1;
            }
            if word != 0 {
                target = word_at(place, distance as usize, bits & 1 == 1);
            }
            *input = if target == 0 { 0 } else { word };
        } else {
            let width = 1 + bits % p.window;
            for (d, pair) in (1..=p.window).zip(bag.chunks_exact_mut(2)) {
                let inside = word != 0 && d <= width;
                let at = |to_right| if inside { word_at(place, d as usize, to_right) } else { 0 };
                pair.copy_from_slice(&[at(false), at(true)]);
            }
        }
        let (right, wrong) = targets.split_at_mut(positives);
        if let [only] = right {
            *only = target;
        }
        for (negative, &drawn) in wrong.iter_mut().zip(drawn) {
            *negative = if target == 0 || right.contains(&drawn) { 0 } else { drawn };
        }
    };
    // Whole groups, so many samples that a thread has something to do.
    let piece = (128 / p.group).max(1) * p.group;
    let rows = |per_sample: usize| piece as usize * per_sample;
    let (bags, targets) = (bags.chunks_mut(rows(bag)), targets.chunks_mut(rows(each)));
    let pieces = (0..p.samples).step_by(piece as usize).zip(bags.zip(targets));
    team::each_where(p.samples > piece, pieces, |(first, (bags, targets))| {
        let mut drawn = vec![0; each - positives];
        let samples = bags.chunks_exact_mut(bag).zip(targets.chunks_exact_mut(each));
        for (i, (bag, targets)) in (first..p.samples).zip(samples) {
            if i % p.group == 0 {
                draw(i / p.group, &mut drawn);
            }
            sample(i, bag, targets, &drawn);
        }
    });
}

/// Tests and benches: see `case.rs`.
#[cfg(feature = "unstable")]
fn case(c: &mut Case, [samples, tokens, words, window]: Sizes) -> Dispatch {
    let [per_word, bag, positives, negatives] = match (c.is_bench(), window % 3) {
        (true, _) => [6, 1, 1, 5],
        (false, 0) => [window, 1, 1, window % 4],
        (false, 1) => [window, 2 * window, 1, window % 4],
        (false, _) => [1, 1, 2 * window, window % 4],
    };
    let each = positives + negatives;
    c.moves(samples * (1 + 3 * each));
    let (thresholds, others) = (c.draw_words(words, 1 << 32), c.draw_words(words, words));
    let bindings = Bindings {
        state: c.state(2, 1),
        tokens: c.ids(tokens, words),
        thresholds: c.words(thresholds),
        others: c.words(others),
        bags: c.words(vec![9; samples * bag]),
        targets: c.words(vec![9; samples * each]),
    };
    for span in [bindings.state, bindings.bags, bindings.targets] {
        c.expect(span, 0.0);
    }
    let params = Params {
        samples: samples as u32,
        per_word: per_word as u32,
        tokens: tokens as u32,
        window: window as u32,
        bag: bag as u32,
        positives: positives as u32,
        negatives: negatives as u32,
        group: if c.is_bench() { 1 } else { 1 + (tokens % 5) as u32 },
        words: words as u32,
        first_word: 2,
        seed: c.rng.random(),
    };
    dispatch(params, bindings)
}
