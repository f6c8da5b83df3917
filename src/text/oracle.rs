//! Tests: an encoder beside a few lines that do the same the simplest way, over random texts and options, and what it
//! refuses to have read from a file.

use std::collections::BTreeSet;
use std::ops::Range;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::encoder::Room;
use super::hashing::ngram_bucket;
use super::subwords::for_each_word_ngram;
use super::*;

/// Texts of words `a` to `j`, the first ones the most frequent.
fn texts(r: &mut SmallRng, count: usize, longest: usize) -> Vec<String> {
    let word = |r: &mut SmallRng| {
        let below = r.random_range(1..11);
        char::from(b'a' + r.random_range(0..below)).to_string()
    };
    let text = |r: &mut SmallRng| {
        (0..r.random_range(0..=longest)).map(|_| word(r)).collect::<Vec<_>>().join(" ")
    };
    (0..count).map(|_| text(r)).collect()
}

/// What an encoder should know of texts without n-grams of characters.
struct Plain {
    options: TextOptions,
    /// By id, from 2 on.
    vocabulary: Vec<String>,
    length: usize,
}

impl Plain {
    fn fit(texts: &[String], options: &TextOptions) -> Plain {
        let all: Vec<&str> = texts.iter().flat_map(|text| text.split_whitespace()).collect();
        let count = |word: &str| all.iter().filter(|&&other| other == word).count();
        let first = |word: &str| all.iter().position(|&other| other == word);
        let distinct: BTreeSet<&str> = all.iter().copied().collect();
        let mut vocabulary: Vec<&str> =
            distinct.into_iter().filter(|word| count(word) >= options.min_count).collect();
        vocabulary.sort_by_key(|word| (usize::MAX - count(word), first(word)));
        if options.vocab_size > 0 {
            vocabulary.truncate(options.vocab_size);
        }
        let longest = texts.iter().map(|text| text.split_whitespace().count()).max().unwrap_or(0);
        let length = if options.max_length > 0 { options.max_length } else { longest };
        Plain {
            options: options.clone(),
            vocabulary: vocabulary.iter().map(|word| word.to_string()).collect(),
            length: length.max(1),
        }
    }

    fn word_ids(&self) -> usize {
        match self.options.hash_size {
            0 => self.vocabulary.len() + 2,
            size => size,
        }
    }

    fn id(&self, word: &str) -> u32 {
        match self.options.hash_size {
            0 => {
                self.vocabulary.iter().position(|known| known == word).map_or(1, |at| at as u32 + 2)
            }
            size => hash_md5(word, size),
        }
    }

    /// The words that a row holds.
    fn kept<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let cut = words.len().saturating_sub(self.length);
        match self.options.truncation {
            Side::Pre => words[cut..].to_vec(),
            Side::Post => words[..words.len() - cut].to_vec(),
        }
    }

    /// Ids of a row without padding, and which of its words each is of.
    fn row(&self, text: &str) -> (Vec<u32>, Vec<Range<usize>>) {
        let words = self.kept(text);
        let mut ids: Vec<u32> = words.iter().map(|word| self.id(word)).collect();
        let mut owners: Vec<Range<usize>> = (0..words.len()).map(|i| i..i + 1).collect();
        for n in 2..=self.options.word_ngrams {
            for (i, gram) in words.windows(n).enumerate() {
                let bucket = ngram_bucket(gram, self.options.ngram_buckets, &mut String::new());
                ids.push(self.word_ids() as u32 + bucket);
                owners.push(i..i + n);
            }
        }
        (ids, owners)
    }

    fn width(&self) -> usize {
        let longest = vec!["a"; self.length].join(" ");
        self.row(&longest).0.len()
    }

    /// A row at an encoder's width, and the same of anything else that stands beside ids.
    fn padded<T: Clone>(&self, row: &[T], zero: T) -> Vec<T> {
        let zeros = vec![zero; self.width() - row.len()];
        match self.options.padding {
            Side::Pre => [&zeros[..], row].concat(),
            Side::Post => [row, &zeros[..]].concat(),
        }
    }
}

#[test]
fn an_encoder_does_what_the_plain_way_does() {
    let mut r = SmallRng::seed_from_u64(7);
    for round in 0..400 {
        let sides = [Side::Pre, Side::Post];
        let hash_size = if r.random_range(0..4) == 0 { r.random_range(2..20) } else { 0 };
        let options = TextOptions {
            tokens: Some(Tokens::Space),
            vocab_size: if r.random_range(0..3) == 0 { r.random_range(1..6) } else { 0 },
            min_count: r.random_range(1..4),
            hash_size,
            word_ngrams: r.random_range(1..4),
            ngram_buckets: r.random_range(1..50),
            max_length: if r.random_range(0..2) == 0 { r.random_range(1..8) } else { 0 },
            padding: sides[r.random_range(0..2)],
            truncation: sides[r.random_range(0..2)],
            ..TextOptions::default()
        };
        let (count, longest) = (r.random_range(1..9), r.random_range(0..9));
        let training = texts(&mut r, count, longest);
        let plain = Plain::fit(&training, &options);
        let encoder = TextEncoder::fit(&training, &options).expect("options");
        let what = format!("round {round}: {options:?} {training:?}");
        assert_eq!(encoder.vocabulary(), if hash_size == 0 { &plain.vocabulary[..] } else { &[] });
        assert_eq!(encoder.first_word(), if hash_size == 0 { 2 } else { 1 });
        let buckets = if options.word_ngrams == 1 { 0 } else { options.ngram_buckets };
        assert_eq!(encoder.rows(), plain.word_ids() + buckets, "{what}");
        assert_eq!((encoder.length(), encoder.width()), (plain.length, plain.width()), "{what}");
        assert_eq!(encoder.room(), Room { words: plain.length, ids: 0 });
        assert_eq!((encoder.word_ngrams(), encoder.phrases()), (options.word_ngrams, 0));
        assert_eq!(encoder.has_own_ngrams(), options.word_ngrams > 1);
        assert_eq!((encoder.buckets(), encoder.used_buckets()), (0, vec![]));
        assert_eq!(encoder.check(), Ok(()));
        let others = texts(&mut r, 6, 12);
        let (mut rows, mut ragged, mut ends, mut told) = (vec![], vec![], vec![], vec![]);
        for text in &others {
            let (row, owners) = plain.row(text);
            let kept = plain.kept(text);
            let known = kept.iter().filter(|word| hash_size > 0 || plain.id(word) != 1).count();
            let words = text.split_whitespace().count();
            told.push(Encoded { words, known, cut: words - kept.len(), ids: 0 });
            rows.extend(plain.padded(&row, 0));
            ragged.extend(&row);
            ends.push(ragged.len());
            let owners: Vec<_> = owners.into_iter().map(Some).collect();
            let found = encoder.owners(text);
            assert_eq!(found.0, kept, "{what}");
            assert_eq!(found.1, plain.padded(&owners, None), "{what}");
            let mut met = Vec::new();
            encoder.for_each_known(text, &mut String::new(), |id| met.push(id));
            let all = text.split_whitespace().map(|word| plain.id(word));
            let wanted: Vec<u32> = all.filter(|&id| hash_size > 0 || id != 1).collect();
            assert_eq!(met, wanted, "{what}");
        }
        assert_eq!(encoder.encode_all(&others), (rows, told.clone()), "{what}");
        assert_eq!(encoder.encode_ragged(&others), (ragged, ends, told.clone()), "{what}");
        let lengths = told.iter().map(|told| told.words);
        let room = Room { words: lengths.clone().max().unwrap_or(0), ids: 0 };
        assert_eq!(encoder.measure(&others), (room, lengths.sum()), "{what}");
        // Without a limit nothing is cut.
        let whole = Plain { length: 100, ..Plain::fit(&training, &options) };
        let all: Vec<u32> = others.iter().flat_map(|text| whole.row(text).0).collect();
        assert_eq!(encoder.without_limit().encode_ragged(&others).0, all, "{what}");
        for word in "abcdefghijk".split("") {
            let own = (hash_size == 0 && plain.id(word) > 1).then(|| plain.id(word));
            assert_eq!(encoder.own_row(word), own);
        }
        // Buckets that training texts fill alone: other n-grams have no id.
        let filled: BTreeSet<u32> = training
            .iter()
            .flat_map(|text| whole.row(text).0)
            .filter(|&id| id as usize >= plain.word_ids())
            .collect();
        let filled: Vec<u32> = filled.into_iter().collect();
        let few = encoder.clone().with_filled_buckets(&training);
        assert_eq!(few.rows(), plain.word_ids() + filled.len(), "{what}");
        assert_eq!(few == encoder, options.word_ngrams == 1, "{what}");
        for text in &others {
            let place = |&id: &u32| match filled.binary_search(&id) {
                _ if (id as usize) < plain.word_ids() => Some(id),
                Ok(at) => Some((plain.word_ids() + at) as u32),
                Err(_) => None,
            };
            let wanted: Vec<u32> = plain.row(text).0.iter().filter_map(place).collect();
            assert_eq!(few.encode_ragged(&[text]).0, wanted, "{what}");
        }
    }
}

#[test]
fn ngrams_of_characters_do_what_the_plain_way_does() {
    let mut r = SmallRng::seed_from_u64(7);
    for _ in 0..200 {
        let buckets = r.random_range(1..60);
        let options = TextOptions {
            tokens: Some(Tokens::Space),
            min_count: r.random_range(1..3),
            subwords: Some(Subwords { min: 2, max: r.random_range(2..4) }),
            word_ngrams: r.random_range(1..3),
            ngram_buckets: buckets,
            ..TextOptions::default()
        };
        let count = r.random_range(1..6);
        let training = texts(&mut r, count, 5);
        let plain = Plain::fit(&training, &options);
        let encoder = TextEncoder::fit(&training, &options).expect("options");
        // Ids of a text where every bucket has a row: words with their characters', then words'.
        let subwords = options.subwords.expect("given");
        let whole = |text: &str| {
            let (mut words, mut grams) = (Vec::new(), Vec::new());
            for word in text.split_whitespace() {
                words.extend(Some(plain.id(word)).filter(|&id| id != 1).map(Ok));
                let each = |hash: u32| words.push(Err(hash % buckets as u32));
                subwords.for_each(word, &mut String::new(), each);
            }
            let hashes: Vec<u32> = text.split_whitespace().map(fasttext_hash).collect();
            for_each_word_ngram(&hashes, options.word_ngrams, buckets, |bucket| {
                grams.push(Err(bucket))
            });
            [words, grams].concat()
        };
        let used: BTreeSet<u32> =
            training.iter().flat_map(|t| whole(t)).filter_map(|id| id.err()).collect();
        let used: Vec<u32> = used.into_iter().collect();
        let first = plain.word_ids() as u32;
        let row = |bucket: u32| match used.binary_search(&bucket) {
            Ok(at) => first + at as u32,
            Err(_) => first + used.len() as u32,
        };
        assert_eq!(encoder.used_buckets(), used);
        assert_eq!(encoder.rows(), first as usize + used.len() + 1);
        assert_eq!(encoder.buckets(), if used.is_empty() { 0 } else { buckets });
        assert_eq!((encoder.subwords(), encoder.tokens()), (Some(subwords), Tokens::Space));
        assert!(!encoder.has_own_ngrams() && encoder.learns_ngrams());
        let widest = training.iter().map(|text| whole(text).len()).max().unwrap_or(0).max(1);
        assert_eq!(encoder.width(), widest);
        assert_eq!(
            (0..buckets as u32).map(|b| encoder.bucket_row(b)).collect::<Vec<_>>(),
            (0..buckets as u32).map(row).collect::<Vec<_>>()
        );
        for text in texts(&mut r, 5, 6) {
            let wanted: Vec<u32> =
                whole(&text).into_iter().map(|id| id.unwrap_or_else(row)).collect();
            let own = encoder.without_limit();
            let (ids, _, told) = own.encode_ragged(&[&text]);
            assert_eq!(ids, wanted, "{options:?} {text:?}");
            // A word is known by itself or by characters that training met.
            let is_known = |word: &&str| {
                whole(word).iter().any(|id| match id {
                    Ok(_) => true,
                    Err(bucket) => used.contains(bucket),
                })
            };
            // (Of a word alone, no n-gram of words stands beside.)
            let known = text.split_whitespace().filter(is_known).count();
            let words = text.split_whitespace().count();
            assert_eq!(told, [Encoded { words, known, cut: 0, ids: wanted.len() }]);
            assert_eq!(own.measure(&[&text]), (Room { words, ids: wanted.len() }, wanted.len()));
            // As many words as the room holds, whole.
            let cut = encoder.encode_ragged(&[&text]);
            assert!(
                cut.0.len() <= encoder.width() && cut.2[0].words - cut.2[0].cut <= encoder.length()
            );
            let (kept, owners) = encoder.owners(&text);
            assert_eq!(kept, text.split_whitespace().take(kept.len()).collect::<Vec<_>>());
            assert_eq!(kept.len(), words - cut.2[0].cut);
            let mut wanted = Vec::new();
            for (i, word) in kept.iter().enumerate() {
                let own = whole(word).len();
                wanted.resize(wanted.len() + own, Some(i..i + 1));
            }
            for i in 0..kept.len() {
                wanted.extend(
                    (i + 2..=kept.len()).take(options.word_ngrams - 1).map(|end| Some(i..end)),
                );
            }
            assert_eq!(wanted.len(), cut.0.len());
            wanted.resize(encoder.width(), None);
            assert_eq!(owners, wanted);
        }
        for word in ["a", "b", "zz"] {
            let rows = encoder.rows_of_word(word);
            let all: Vec<u32> = whole(word).into_iter().map(|id| id.unwrap_or_else(row)).collect();
            let is_known = all.iter().any(|&id| id != first + used.len() as u32);
            assert_eq!(rows, if is_known { all } else { Vec::new() });
        }
    }
}

#[test]
fn what_a_file_cannot_hold_is_refused() {
    let options = TextOptions { word_ngrams: 2, ngram_buckets: 9, ..TextOptions::default() };
    let mut encoder = TextEncoder::fit(&["a b", "b c"], &options).expect("options");
    let read =
        |value: &Value| serde_json::from_value::<TextEncoder>(value.clone()).expect("an encoder");
    let good = serde_json::to_value(&encoder).expect("json");
    assert!(read(&good) == encoder);
    let refused = |key: &str, value: Value, says: &str| {
        let mut wrong = good.clone();
        wrong[key] = value;
        let said = read(&wrong).check().expect_err(says);
        assert!(said.contains(says), "{said}");
    };
    let taken = |key: &str, value: Value| {
        let mut other = good.clone();
        other[key] = value;
        let other = read(&other);
        assert_eq!(other.check(), Ok(()));
        assert!(other != encoder);
    };
    refused("length", json!(0), "the length of a row is 0");
    refused("length", json!((1 << 20) + 1), "must be from 1 to 1048576");
    taken("length", json!(1 << 20));
    refused("word_ngrams", json!(0), "word_ngrams is 0");
    refused("word_ngrams", json!(1025), "from 1 to 1024");
    taken("word_ngrams", json!(1024));
    refused("ngram_buckets", json!(0), "ngram_buckets is 0");
    refused("ngram_buckets", json!((1 << 30) + 1), "ngram_buckets");
    taken("ngram_buckets", json!(1 << 30));
    refused("filled", json!([3, 6]), "a bucket is not below the 9");
    taken("filled", json!([3, 5]));
    refused("counts", json!([1, 2]), "2 counts are given for 3 words");
    taken("counts", json!([1, 2, 3]));
    refused("words", json!({"hashed": {"size": 1}}), "hash_size is 1");
    refused("words", json!({"hashed": {"size": (1 << 30) + 1}}), "hash_size");
    taken("words", json!({"hashed": {"size": 2}}));
    refused("ngrams", json!({"width": 0}), "the width of a row is 0");
    taken("ngrams", json!({"width": 1}));
    // Words alone need no bucket.
    let mut alone = good.clone();
    (alone["word_ngrams"], alone["ngram_buckets"]) = (json!(1), json!(0));
    assert_eq!(read(&alone).check(), Ok(()));
    alone["ngrams"] = json!({"width": 3});
    assert!(read(&alone).check().is_err());
    let mut hashed = good.clone();
    (hashed["words"], hashed["ngrams"]) = (json!({"hashed": {"size": 5}}), json!({"width": 3}));
    assert!(read(&hashed).check().expect_err("both").contains("no n-grams of characters"));
    (hashed["ngrams"], hashed["counts"]) = (Value::Null, json!([1]));
    assert!(read(&hashed).check().expect_err("both").contains("hashed words have no counts"));
    assert!(encoder.counts().is_empty());
    encoder.set_counts(vec![4, 5, 6]);
    assert_eq!(encoder.counts(), [4, 5, 6]);
}

#[test]
fn a_room_holds_what_is_no_larger() {
    let room = |words, ids| Room { words, ids };
    assert!(room(3, 5).holds(room(3, 5)) && room(3, 5).holds(room(2, 4)));
    assert!(!room(3, 5).holds(room(4, 5)) && !room(3, 5).holds(room(3, 6)));
    assert_eq!(room(3, 5).max(room(4, 1)), room(4, 5));
}

#[test]
fn an_encoder_of_fasttexts_has_room_for_its_ngrams() {
    let words = || vec!["a".to_string(), "b".to_string()];
    let characters = Some(Subwords { min: 3, max: 6 });
    let of = |characters, ngrams, buckets| {
        TextEncoder::of_fasttext(words(), characters, ngrams, buckets)
    };
    assert_eq!(of(characters, 1, 10).width(), 64 * 16);
    assert_eq!(of(None, 3, 10).width(), 64 * 3);
    assert_eq!((of(None, 1, 0).rows(), of(None, 1, 0).buckets()), (4 + 1, 0));
    assert_eq!((of(None, 2, 10).rows(), of(None, 2, 10).buckets()), (4 + 10, 10));
    assert_eq!(of(None, 2, 10).used_buckets(), (0..10).collect::<Vec<u32>>());
}

#[test]
fn rows_are_cut_and_filled_at_either_end() {
    let padded = |ids: &[u32], length, padding, truncation| {
        let mut row = vec![9, 9, 9];
        pad(ids, length, padding, truncation, &mut row);
        assert_eq!(row[..3], [9, 9, 9]);
        row.split_off(3)
    };
    let (pre, post) = (Side::Pre, Side::Post);
    for truncation in [pre, post] {
        assert_eq!(padded(&[5, 6], 5, post, truncation), [5, 6, 0, 0, 0]);
        assert_eq!(padded(&[5, 6], 5, pre, truncation), [0, 0, 0, 5, 6]);
        assert_eq!(padded(&[5, 6], 2, pre, truncation), [5, 6]);
        assert_eq!(padded(&[], 2, pre, truncation), [0, 0]);
    }
    for padding in [pre, post] {
        assert_eq!(padded(&[1, 2, 3, 4, 5], 2, padding, pre), [4, 5]);
        assert_eq!(padded(&[1, 2, 3, 4, 5], 2, padding, post), [1, 2]);
        assert!(padded(&[1, 2], 0, padding, post).is_empty());
    }
}

/// Stretches of texts that threads count by themselves are joined in their order.
#[test]
fn many_texts_are_counted_as_one_after_another() {
    let mut r = SmallRng::seed_from_u64(7);
    let training = texts(&mut r, 5000, 6);
    let options =
        TextOptions { tokens: Some(Tokens::Space), min_count: 40, ..TextOptions::default() };
    let mut fitting = Fitting::new(&training[..1], &options).expect("options");
    fitting.add(&training[..2000]);
    fitting.add(&training[2000..]);
    let lengths = || training.iter().map(|text| text.split_whitespace().count());
    let longest = lengths().max().unwrap_or(0);
    assert_eq!(fitting.measured(), (Room { words: longest, ids: 0 }, lengths().sum()));
    let encoder = fitting.finish();
    assert!(!encoder.learns_ngrams() && encoder.phrases() == 0);
    assert_eq!(encoder.vocabulary(), Plain::fit(&training, &options).vocabulary);
    // Words that are as frequent stand by their first appearance, over stretches too.
    let mut rare = vec![String::from("z"); 3000];
    (rare[10], rare[1500], rare[2999]) = ("c z".into(), "b z".into(), "a z".into());
    let encoder = TextEncoder::fit(&rare, &TextOptions::default()).expect("options");
    assert_eq!(encoder.vocabulary(), ["z", "c", "b", "a"]);
}

#[test]
fn tokens_and_phrases_are_those_of_the_options() {
    let texts = ["New York", "new york", "the New York"];
    for tokens in [Tokens::Char, Tokens::Fasttext, Tokens::Unicode] {
        let options = TextOptions { tokens: Some(tokens), ..TextOptions::default() };
        assert_eq!(TextEncoder::fit(&texts, &options).expect("options").tokens(), tokens);
    }
    let options = TextOptions { phrases: Some(0.1), ..TextOptions::default() };
    let encoder = TextEncoder::fit(&texts, &options).expect("options");
    assert_eq!(
        (encoder.phrases(), encoder.vocabulary()),
        (1, &["new_york".into(), "the".into()][..])
    );
    // A vocabulary without the phrase's word has no phrase.
    let few = TextOptions { vocab_size: 1, ..options };
    let texts = ["a", "a", "a", "a new york", "new york b"];
    let encoder = TextEncoder::fit(&texts, &few).expect("options");
    assert_eq!((encoder.phrases(), encoder.vocabulary()), (0, &["a".into()][..]));
}
