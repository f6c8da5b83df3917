//! Documents to rows of ids: what is learned from the training texts and kept with the model.
//!
//! Ids with a vocabulary: 0 padding, 1 any word outside it, 2 and on the words by falling
//! frequency. With hashing: 0 padding, 1 and on the buckets. Buckets of word n-grams follow.
//! A row holds a document's words and then its n-grams, cut and padded to one width.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::FixedState;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::hashing::{hash_md5, ngram_bucket};
use super::padding::{Side, pad};
use super::tokenizer::for_each_word;
use crate::error::{Error, Result};

/// Choices for [`TextEncoder::fit`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextOptions {
    /// Words in the vocabulary at most, the most frequent ones; 0 for all.
    pub vocab_size: usize,
    /// Words seen less often are left out of the vocabulary.
    pub min_count: usize,
    /// Instead of a vocabulary, hash words into this many ids (Keras' `one_hot`); 0 for none.
    pub hash_size: usize,
    /// Words of the longest n-gram; 1 for words alone.
    pub word_ngrams: usize,
    /// Buckets that n-grams are hashed into.
    pub ngram_buckets: usize,
    /// Words of a row at most; 0 for those of the longest document, at most 400.
    pub max_length: usize,
    /// Where short rows are filled.
    pub padding: Side,
    /// Where long rows are cut.
    pub truncation: Side,
}

impl Default for TextOptions {
    fn default() -> Self {
        TextOptions {
            vocab_size: 0,
            min_count: 1,
            hash_size: 0,
            word_ngrams: 1,
            ngram_buckets: 500_000,
            max_length: 0,
            padding: Side::Post,
            truncation: Side::Post,
        }
    }
}

/// Words of a document at most when no length is given.
const LONGEST: usize = 400;

/// Id of any word outside the vocabulary.
const UNKNOWN: u32 = 1;

/// How words become ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Words {
    /// By a list: word i has the id i + 2.
    Vocabulary(Vec<String>),
    /// By md5 into ids 1 to size - 1.
    Hashed {
        /// Ids, padding included.
        size: usize,
    },
}

/// What turns a document into a row of ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct TextEncoder {
    stored: Stored,
    ids: HashMap<String, u32, FixedState>,
}

/// A [`TextEncoder`] as it is written to a model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stored {
    words: Words,
    /// Words of a row at most.
    length: usize,
    word_ngrams: usize,
    ngram_buckets: usize,
    padding: Side,
    truncation: Side,
}

impl From<Stored> for TextEncoder {
    fn from(stored: Stored) -> TextEncoder {
        let ids = match &stored.words {
            Words::Vocabulary(words) => {
                words.iter().zip(UNKNOWN + 1..).map(|(word, id)| (word.clone(), id)).collect()
            }
            Words::Hashed { .. } => HashMap::default(),
        };
        TextEncoder { stored, ids }
    }
}

impl From<TextEncoder> for Stored {
    fn from(encoder: TextEncoder) -> Stored {
        encoder.stored
    }
}

impl PartialEq for TextEncoder {
    fn eq(&self, other: &Self) -> bool {
        self.stored == other.stored
    }
}

/// What became of a document's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Words that the document has.
    pub words: usize,
    /// Those of the row that have an id of their own.
    pub known: usize,
    /// Words that the row has no room for.
    pub cut: usize,
}

impl TextEncoder {
    /// Learns vocabulary and length from `texts`.
    ///
    /// ```
    /// use wgslearn::text::{TextEncoder, TextOptions};
    ///
    /// let encoder = TextEncoder::fit(&["good work", "good!"], &TextOptions::default())?;
    /// let mut row = Vec::new();
    /// encoder.encode("Good grief", &mut row);
    /// assert_eq!(row, [2, 1]);
    /// # Ok::<(), wgslearn::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Usage`] when an option is out of range.
    pub fn fit<T: AsRef<str> + Sync>(texts: &[T], options: &TextOptions) -> Result<TextEncoder> {
        if options.hash_size == 1 {
            return Err(Error::usage(
                "a hash size of 1 leaves no id beside padding; take 2 or more",
            ));
        }
        if options.word_ngrams == 0 || (options.word_ngrams > 1 && options.ngram_buckets == 0) {
            return Err(Error::usage("word n-grams need at least 1 word and 1 bucket"));
        }
        // Each stretch of texts is counted by itself, then joined in order.
        let mut counts: Counts = HashMap::default();
        let mut longest = 0;
        let stretch = texts.len().div_ceil(4 * rayon::current_num_threads()).max(STRETCH);
        let parts: Vec<(Counts, usize)> = texts
            .par_chunks(stretch)
            .map(|texts| count_words(texts, options.hash_size == 0))
            .collect();
        for (part, length) in parts {
            longest = longest.max(length);
            if counts.is_empty() {
                counts = part;
                continue;
            }
            let mut part: Vec<_> = part.into_iter().collect();
            part.sort_unstable_by_key(|(_, (_, first))| *first);
            for (word, (count, _)) in part {
                let first = counts.len();
                counts.entry(word).or_insert((0, first)).0 += count;
            }
        }
        let words = if options.hash_size > 0 {
            Words::Hashed { size: options.hash_size }
        } else {
            let mut kept: Vec<(String, (usize, usize))> =
                counts.into_iter().filter(|(_, (count, _))| *count >= options.min_count).collect();
            kept.sort_unstable_by_key(|(_, (count, first))| (std::cmp::Reverse(*count), *first));
            if options.vocab_size > 0 {
                kept.truncate(options.vocab_size);
            }
            Words::Vocabulary(kept.into_iter().map(|(word, _)| word).collect())
        };
        let length = match options.max_length {
            0 => longest.min(LONGEST),
            length => length,
        };
        Ok(TextEncoder::from(Stored {
            words,
            length: length.max(1),
            word_ngrams: options.word_ngrams,
            ngram_buckets: options.ngram_buckets,
            padding: options.padding,
            truncation: options.truncation,
        }))
    }

    /// How words become ids.
    pub fn words(&self) -> &Words {
        &self.stored.words
    }

    /// The id of the first word, behind padding and, with a vocabulary, the unknown word.
    pub fn first_word(&self) -> u32 {
        match self.stored.words {
            Words::Vocabulary(_) => UNKNOWN + 1,
            Words::Hashed { .. } => 1,
        }
    }

    /// Ids of words, padding and the unknown word included.
    fn word_ids(&self) -> usize {
        match &self.stored.words {
            Words::Vocabulary(words) => words.len() + UNKNOWN as usize + 1,
            Words::Hashed { size } => *size,
        }
    }

    /// Words of a row at most, as the settings of a run have it.
    pub(crate) const MOST_WORDS: usize = 1 << 20;

    /// Says what is out of range in an encoder that was read from a file.
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        const MOST_NGRAM: usize = 1 << 10;
        const MOST_IDS: usize = 1 << 30;
        let Stored { length, word_ngrams, ngram_buckets, .. } = self.stored;
        let within = |name: &str, value: usize, low: usize, high: usize| match value {
            value if (low..=high).contains(&value) => Ok(()),
            _ => Err(format!("{name} is {value}, but must be from {low} to {high}")),
        };
        within("the length of a row", length, 1, Self::MOST_WORDS)?;
        within("word_ngrams", word_ngrams, 1, MOST_NGRAM)?;
        if word_ngrams > 1 {
            within("ngram_buckets", ngram_buckets, 1, MOST_IDS)?;
        }
        match self.stored.words {
            Words::Vocabulary(_) => Ok(()),
            Words::Hashed { size } => within("hash_size", size, 2, MOST_IDS),
        }
    }

    /// Rows that an embedding of these ids needs.
    pub fn rows(&self) -> usize {
        match self.stored.word_ngrams {
            1 => self.word_ids(),
            _ => self.word_ids() + self.stored.ngram_buckets,
        }
    }

    /// Ids of a row: the words, and for each n from 2 the n-grams that as many words have.
    pub fn width(&self) -> usize {
        let length = self.stored.length;
        length
            + (2..=self.stored.word_ngrams).map(|n| (length + 1).saturating_sub(n)).sum::<usize>()
    }

    /// Words of a row at most.
    pub fn length(&self) -> usize {
        self.stored.length
    }

    /// The same words, for rows of `length` words.
    pub(crate) fn with_length(&self, length: usize) -> TextEncoder {
        let mut encoder = self.clone();
        encoder.stored.length = length.max(1);
        encoder
    }

    /// Words of the longest of these texts.
    pub(crate) fn longest<T: AsRef<str> + Sync>(&self, texts: &[T]) -> usize {
        let words = |texts: &[T]| count_words(texts, false).1;
        texts.par_chunks(STRETCH).map(words).max().unwrap_or(0)
    }

    /// Calls `each` with the id of every word of `text` that is known.
    pub fn for_each_known(&self, text: &str, lowered: &mut String, mut each: impl FnMut(u32)) {
        for_each_word(text, lowered, |word| match &self.stored.words {
            Words::Hashed { size } => each(hash_md5(word, *size)),
            Words::Vocabulary(_) => {
                if let Some(&id) = self.ids.get(word) {
                    each(id);
                }
            }
        });
    }

    /// Appends a document's row of ids to `row`.
    pub fn encode(&self, text: &str, row: &mut Vec<u32>) -> Encoded {
        self.encode_in(text, &mut Scratch::default(), row)
    }

    /// The rows of ids of many documents, one behind the other, and what became of each one's words;
    /// on all threads.
    pub fn encode_all<T: AsRef<str> + Sync>(&self, texts: &[T]) -> (Vec<u32>, Vec<Encoded>) {
        let parts: Vec<(Vec<u32>, Vec<Encoded>)> = texts
            .par_chunks(STRETCH)
            .map(|texts| {
                let mut scratch = Scratch::default();
                let mut rows = Vec::with_capacity(texts.len() * self.width());
                let encode = |text: &T| self.encode_in(text.as_ref(), &mut scratch, &mut rows);
                let encoded = texts.iter().map(encode).collect();
                (rows, encoded)
            })
            .collect();
        let mut rows = Vec::with_capacity(texts.len() * self.width());
        let mut encoded = Vec::with_capacity(texts.len());
        for (part, some) in parts {
            rows.extend_from_slice(&part);
            encoded.extend_from_slice(&some);
        }
        (rows, encoded)
    }

    /// As [`TextEncoder::encode_all`], of rows as long as their texts, without padding: the ids, where each row ends, and
    /// what became of each one's words.
    pub(crate) fn encode_ragged<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
    ) -> (Vec<u32>, Vec<usize>, Vec<Encoded>) {
        let parts: Vec<(Vec<u32>, Vec<usize>, Vec<Encoded>)> = texts
            .par_chunks(STRETCH)
            .map(|texts| {
                let (mut scratch, mut rows) = (Scratch::default(), Vec::new());
                let (mut ends, mut encoded) = (Vec::new(), Vec::new());
                for text in texts {
                    encoded.push(self.encode_row(text.as_ref(), false, &mut scratch, &mut rows));
                    ends.push(rows.len());
                }
                (rows, ends, encoded)
            })
            .collect();
        let (mut rows, mut ends, mut encoded) = (Vec::new(), Vec::new(), Vec::new());
        for (part, own, some) in parts {
            ends.extend(own.iter().map(|end| rows.len() + end));
            rows.extend_from_slice(&part);
            encoded.extend_from_slice(&some);
        }
        (rows, ends, encoded)
    }

    /// Words of the longest of these texts, and of all together.
    pub(crate) fn measure<T: AsRef<str> + Sync>(texts: &[T]) -> (usize, usize) {
        let measure = |texts: &[T]| {
            let (mut lowered, mut longest, mut all) = (String::new(), 0, 0);
            for text in texts {
                let mut words = 0;
                for_each_word(text.as_ref(), &mut lowered, |_| words += 1);
                (longest, all) = (longest.max(words), all + words);
            }
            (longest, all)
        };
        let join = |a: (usize, usize), b: (usize, usize)| (a.0.max(b.0), a.1 + b.1);
        texts.par_chunks(STRETCH).map(measure).reduce(|| (0, 0), join)
    }

    /// The words of a document that its row holds, and for each id of the row which of them it is of: one word, or
    /// those of an n-gram; none for padding.
    pub(crate) fn owners(&self, text: &str) -> (Vec<String>, Vec<Option<Range<usize>>>) {
        let Stored { length, word_ngrams, padding, truncation, .. } = self.stored;
        let mut words = Vec::new();
        for_each_word(text, &mut String::new(), |word| words.push(word.to_owned()));
        match truncation {
            Side::Pre => drop(words.drain(..words.len().saturating_sub(length))),
            Side::Post => words.truncate(length),
        }
        let grams = |n: usize| (0..(words.len() + 1).saturating_sub(n)).map(move |i| i..i + n);
        let owners: Vec<Range<usize>> = (1..=word_ngrams).flat_map(grams).collect();
        // Padded as the ids are.
        let mut places = Vec::with_capacity(self.width());
        let numbers: Vec<u32> = (1..=owners.len() as u32).collect();
        pad(&numbers, self.width(), padding, truncation, &mut places);
        let owner = |&place: &u32| Some(owners.get((place as usize).checked_sub(1)?)?.clone());
        let owners = places.iter().map(owner).collect();
        (words, owners)
    }

    fn encode_in(&self, text: &str, scratch: &mut Scratch, row: &mut Vec<u32>) -> Encoded {
        self.encode_row(text, true, scratch, row)
    }

    /// Appends a row of ids, filled with padding to the encoder's width (`fill`) or as long as it is.
    fn encode_row(
        &self,
        text: &str,
        fill: bool,
        scratch: &mut Scratch,
        row: &mut Vec<u32>,
    ) -> Encoded {
        let Stored { length, word_ngrams, ngram_buckets, padding, truncation, .. } = self.stored;
        let Scratch { lowered, ids, words, ends, joined } = scratch;
        ids.clear();
        words.clear();
        ends.clear();
        for_each_word(text, lowered, |word| {
            let id = match &self.stored.words {
                Words::Hashed { size } => hash_md5(word, *size),
                Words::Vocabulary(_) => self.ids.get(word).copied().unwrap_or(UNKNOWN),
            };
            ids.push(id);
            if word_ngrams > 1 {
                words.push_str(word);
                ends.push(words.len());
            }
        });
        // Cut the words first, so that a long document keeps n-grams of what it keeps.
        let count = ids.len();
        let cut = count.saturating_sub(length);
        let range = match truncation {
            Side::Pre => cut..count,
            Side::Post => 0..count - cut,
        };
        let is_hashed = matches!(self.stored.words, Words::Hashed { .. });
        let is_known = |id: &&u32| is_hashed || **id != UNKNOWN;
        let known = ids[range.clone()].iter().filter(is_known).count();
        let encoded = Encoded { words: count, known, cut };
        if word_ngrams == 1 {
            pad(ids, if fill { length } else { count - cut }, padding, truncation, row);
            return encoded;
        }
        let start = |i: usize| i.checked_sub(1).map_or(0, |before| ends[before]);
        let words: Vec<&str> = range.clone().map(|i| &words[start(i)..ends[i]]).collect();
        ids.truncate(range.end);
        ids.drain(..range.start);
        let first = self.word_ids() as u32;
        for n in 2..=word_ngrams {
            ids.extend(words.windows(n).map(|w| first + ngram_bucket(w, ngram_buckets, joined)));
        }
        pad(ids, if fill { self.width() } else { ids.len() }, padding, truncation, row);
        encoded
    }
}

/// Texts that a thread takes at once.
const STRETCH: usize = 1024;

/// How often each word stands, and its place among the words by first appearance: ties keep that order,
/// as in Keras' Tokenizer.
type Counts = HashMap<String, (usize, usize), FixedState>;

/// The words of some texts (none where they are not wanted), and how many the longest has.
fn count_words<T: AsRef<str>>(texts: &[T], wanted: bool) -> (Counts, usize) {
    let mut counts: Counts = HashMap::default();
    let (mut lowered, mut longest) = (String::new(), 0);
    for text in texts {
        let mut length = 0;
        for_each_word(text.as_ref(), &mut lowered, |word| {
            length += 1;
            if !wanted {
                return;
            }
            match counts.get_mut(word) {
                Some((count, _)) => *count += 1,
                None => {
                    let first = counts.len();
                    counts.insert(word.to_owned(), (1, first));
                }
            }
        });
        longest = longest.max(length);
    }
    (counts, longest)
}

/// Memory that encoding one document after the other uses again.
#[derive(Default)]
struct Scratch {
    lowered: String,
    ids: Vec<u32>,
    /// The words without anything between, and where each ends.
    words: String,
    ends: Vec<usize>,
    joined: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(encoder: &TextEncoder, text: &str) -> Vec<u32> {
        let mut row = Vec::new();
        encoder.encode(text, &mut row);
        row
    }

    #[test]
    fn words_are_ranked_by_frequency_then_first_appearance() {
        let texts = ["the cat sat", "the dog sat", "the end"];
        let encoder = TextEncoder::fit(&texts, &TextOptions::default()).expect("options");
        assert_eq!(row(&encoder, "the sat cat"), [2, 3, 4]);
        assert_eq!(row(&encoder, "the dog end"), [2, 5, 6]);
        assert_eq!(encoder.rows(), 7);
        let few = TextOptions { vocab_size: 2, ..TextOptions::default() };
        let encoder = TextEncoder::fit(&texts, &few).expect("options");
        assert_eq!(row(&encoder, "the sat cat"), [2, 3, 1]);
        let often = TextOptions { min_count: 2, ..TextOptions::default() };
        let encoder = TextEncoder::fit(&texts, &often).expect("options");
        assert_eq!((row(&encoder, "the sat cat"), encoder.rows()), (vec![2, 3, 1], 4));
    }

    #[test]
    fn ngrams_follow_the_words_in_buckets_of_their_own() {
        let options = TextOptions { word_ngrams: 2, ngram_buckets: 10, ..TextOptions::default() };
        let encoder = TextEncoder::fit(&["a b c", "a b"], &options).expect("options");
        assert_eq!((encoder.width(), encoder.rows()), (5, 5 + 10));
        let long = row(&encoder, "a b c");
        assert_eq!(long[..3], [2, 3, 4]);
        assert!(long[3..].iter().all(|id| (5..15).contains(id)));
        let short = row(&encoder, "a b");
        assert_eq!(short[..2], [2, 3]);
        assert_eq!(short[2], long[3], "the same two words share a bucket");
        assert_eq!(short[3..], [0, 0]);
    }

    #[test]
    fn a_stored_encoder_encodes_the_same() {
        let options = TextOptions { word_ngrams: 3, ngram_buckets: 99, ..TextOptions::default() };
        let encoder = TextEncoder::fit(&["one two three", "two"], &options).expect("options");
        let json = serde_json::to_string(&encoder).expect("json");
        let again: TextEncoder = serde_json::from_str(&json).expect("json");
        assert_eq!(row(&encoder, "three two four"), row(&again, "three two four"));
    }
}
