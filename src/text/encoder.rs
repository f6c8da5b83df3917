//! Documents to rows of ids: what is learned from the training texts and kept with the model.
//!
//! Ids with a vocabulary: 0 padding, 1 any word outside it, 2 and on the words by falling
//! frequency. With hashing: 0 padding, 1 and on the buckets. Buckets of word n-grams follow.
//! A row holds a document's words and then its n-grams, cut and padded to one width.
//!
//! With subwords a word has its own id, where it is in the vocabulary, and those of its character n-grams
//! (`subwords.rs`); the buckets that training texts fill have a row each, and one row stands for all others.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use foldhash::fast::FixedState;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::hashing::{hash_md5, ngram_bucket};
use super::padding::{Side, pad};
use super::phrases::Phrases;
use super::subwords::{Buckets, Subwords, fasttext_hash, for_each_word_ngram};
use super::tokens::{END_OF_LINE, Tokens};
use crate::error::{Error, Result};

/// Choices for [`TextEncoder::fit`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextOptions {
    /// What the tokens are; told from the texts if not given.
    pub tokens: Option<Tokens>,
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
    /// Lengths of the character n-grams that words have ids of too; word n-grams then share their buckets.
    pub subwords: Option<Subwords>,
    /// Score above which two words beside each other are one (`new_york`), by word2phrase's formula; none for no phrases.
    pub phrases: Option<f64>,
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
            tokens: None,
            vocab_size: 0,
            min_count: 1,
            hash_size: 0,
            word_ngrams: 1,
            ngram_buckets: 500_000,
            subwords: None,
            phrases: None,
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
    #[serde(default, skip_serializing_if = "Tokens::is_default")]
    tokens: Tokens,
    #[serde(default, skip_serializing_if = "Phrases::is_empty")]
    phrases: Phrases,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ngrams: Option<Ngrams>,
    /// Of word n-grams by themselves: the buckets that have a row; all unless given, and n-grams of others are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filled: Option<Buckets>,
    /// How often training texts had each word; none where that is not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counts: Vec<u64>,
    /// Words of a row at most.
    length: usize,
    word_ngrams: usize,
    ngram_buckets: usize,
    padding: Side,
    truncation: Side,
}

/// N-grams of characters and of words in the same buckets, as fastText has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ngrams {
    /// Of characters; none for word n-grams alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    characters: Option<Subwords>,
    /// Ids of a row at most.
    width: usize,
    /// The buckets that have a row; all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<Buckets>,
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
    /// Ids that a row for the whole document has.
    pub ids: usize,
}

/// How large a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Words at most.
    pub words: usize,
    /// Ids at most, where subwords make them more than the words tell.
    pub ids: usize,
}

impl Room {
    /// Whether this holds what `other` does.
    pub fn holds(self, other: Room) -> bool {
        self.words >= other.words && self.ids >= other.ids
    }

    /// What holds both.
    pub fn max(self, other: Room) -> Room {
        Room { words: self.words.max(other.words), ids: self.ids.max(other.ids) }
    }
}

/// What is learned of texts, some of them after the others.
#[derive(Debug)]
pub(crate) struct Fitting<'o> {
    options: &'o TextOptions,
    tokens: Tokens,
    phrases: Phrases,
    counts: Counts,
    /// Words of the longest text, and of all together.
    longest: usize,
    words: usize,
}

impl<'o> Fitting<'o> {
    /// Before the first texts, `beginning`, which say what tokens are where the options do not.
    ///
    /// # Errors
    /// [`Error::Usage`] when an option is out of range.
    pub fn new<T: AsRef<str>>(beginning: &[T], options: &'o TextOptions) -> Result<Fitting<'o>> {
        if options.hash_size == 1 {
            return Err(Error::usage(
                "a hash size of 1 leaves no id beside padding; take 2 or more",
            ));
        }
        if options.word_ngrams == 0 || (options.word_ngrams > 1 && options.ngram_buckets == 0) {
            return Err(Error::usage("word n-grams need at least 1 word and 1 bucket"));
        }
        if options.subwords.is_some() && (options.hash_size > 0 || options.ngram_buckets == 0) {
            return Err(Error::usage(
                "subwords need a vocabulary, so no hash_size, and at least 1 bucket",
            ));
        }
        if options.phrases.is_some() && options.hash_size > 0 {
            return Err(Error::usage("phrases need a vocabulary, so no hash_size"));
        }
        Ok(Fitting {
            options,
            tokens: options.tokens.unwrap_or_else(|| Tokens::suited_to(beginning)),
            phrases: Phrases::default(),
            counts: HashMap::default(),
            longest: 0,
            words: 0,
        })
    }

    /// What [`TextEncoder::measure`] says of these texts, where there are no n-grams of characters.
    pub fn measured(&self) -> (Room, usize) {
        (Room { words: self.longest, ids: 0 }, self.words)
    }

    /// Counts the words of more texts.
    pub fn add<T: AsRef<str> + Sync>(&mut self, texts: &[T]) {
        let Fitting { options, tokens, phrases, .. } = &*self;
        // Each stretch of texts is counted by itself, then joined in order.
        let stretch = texts.len().div_ceil(4 * rayon::current_num_threads()).max(STRETCH);
        let parts: Vec<(Counts, [usize; 2])> = texts
            .par_chunks(stretch)
            .map(|texts| count_words(*tokens, phrases, texts, options.hash_size == 0))
            .collect();
        for (part, [longest, words]) in parts {
            self.longest = self.longest.max(longest);
            self.words += words;
            if self.counts.is_empty() {
                self.counts = part;
                continue;
            }
            let mut part: Vec<_> = part.into_iter().collect();
            part.sort_unstable_by_key(|(_, (_, first))| *first);
            for (word, (count, _)) in part {
                let first = self.counts.len();
                self.counts.entry(word).or_insert((0, first)).0 += count;
            }
        }
    }

    /// The encoder: vocabulary and length. What n-grams of characters are used is not known yet.
    pub fn finish(self) -> TextEncoder {
        let Fitting { options, tokens, mut phrases, counts, longest, .. } = self;
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
        // Of words that the vocabulary has no place for.
        if let Words::Vocabulary(words) = &words
            && !phrases.is_empty()
        {
            let words: HashSet<&str> = words.iter().map(String::as_str).collect();
            phrases.retain(|phrase| words.contains(phrase));
        }
        let length = match options.max_length {
            0 => longest.min(LONGEST),
            length => length,
        };
        // Whose word n-grams are fastText's.
        let is_fasttext = tokens == Tokens::Fasttext && options.word_ngrams > 1;
        let ngrams = (options.subwords.is_some() || is_fasttext).then_some(Ngrams {
            characters: options.subwords,
            width: 1,
            used: None,
        });
        TextEncoder::from(Stored {
            words,
            tokens,
            phrases,
            ngrams,
            filled: None,
            counts: Vec::new(),
            length: length.max(1),
            word_ngrams: options.word_ngrams,
            ngram_buckets: options.ngram_buckets,
            padding: options.padding,
            truncation: options.truncation,
        })
    }
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
        let mut fitting = Fitting::new(texts, options)?;
        if let Some(threshold) = options.phrases {
            fitting.phrases = Phrases::find(fitting.tokens, texts, options.min_count, threshold);
        }
        fitting.add(texts);
        let mut encoder = fitting.finish();
        if encoder.stored.ngrams.is_some() {
            encoder.fit_ngrams(&encoder.clone(), texts);
        }
        Ok(encoder)
    }

    /// Whether training texts say which buckets of n-grams are filled.
    pub(crate) fn learns_ngrams(&self) -> bool {
        self.stored.ngrams.is_some()
    }

    /// Learns from training texts, beside those before, which buckets they fill, and how many ids the longest row has.
    /// `whole` is the same encoder before the first.
    pub(crate) fn fit_ngrams<T: AsRef<str> + Sync>(&mut self, whole: &TextEncoder, texts: &[T]) {
        let encode = |text: &str, scratch: &mut Scratch| whole.encode_ngrams(text, scratch, None);
        let (width, used) = whole.filled_by(texts, encode);
        if let Some(ngrams) = &mut self.stored.ngrams {
            ngrams.width = ngrams.width.max(width);
            used.add_to(&mut ngrams.used);
        }
    }

    /// With rows for those buckets of word n-grams alone that `texts` fill, where n-grams are by themselves.
    pub(crate) fn with_filled_buckets<T: AsRef<str> + Sync>(mut self, texts: &[T]) -> TextEncoder {
        if self.has_own_ngrams() {
            let whole = self.without_limit();
            self.fill_buckets(&whole, texts);
        }
        self
    }

    /// Gives rows to the buckets of word n-grams that `texts` fill, beside those of texts before, and to no others.
    /// `whole` is the same encoder before the first, without a limit.
    pub(crate) fn fill_buckets<T: AsRef<str> + Sync>(&mut self, whole: &TextEncoder, texts: &[T]) {
        let encode = |text: &str, scratch: &mut Scratch| {
            whole.encode_row(text, false, scratch, &mut Vec::new())
        };
        whole.filled_by(texts, encode).1.add_to(&mut self.stored.filled);
    }

    /// The most ids that `encode` says of a text, 1 at least, and the buckets of all that it leaves in its room.
    fn filled_by<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        encode: impl Fn(&str, &mut Scratch) -> Encoded + Sync,
    ) -> (usize, Buckets) {
        let first = self.word_ids() as u32;
        let found: Vec<(usize, Vec<u32>)> = texts
            .par_chunks(STRETCH)
            .map(|texts| {
                let (mut scratch, mut widest) = (Scratch::default(), 1);
                let mut filled = Vec::new();
                for text in texts {
                    widest = widest.max(encode(text.as_ref(), &mut scratch).ids);
                    filled
                        .extend(scratch.ids.iter().filter(|&&id| id >= first).map(|id| id - first));
                    // Most are there many times.
                    if filled.len() > 1 << 20 {
                        filled.sort_unstable();
                        filled.dedup();
                    }
                }
                filled.sort_unstable();
                filled.dedup();
                (widest, filled)
            })
            .collect();
        let width = found.iter().map(|(width, _)| *width).max().unwrap_or(1);
        (width, Buckets::of(found.into_iter().flat_map(|(_, filled)| filled).collect()))
    }

    /// That of a model of fastText's: `words` in their order, and a row for each of `buckets`.
    pub(crate) fn of_fasttext(
        words: Vec<String>,
        characters: Option<Subwords>,
        word_ngrams: usize,
        buckets: usize,
    ) -> TextEncoder {
        let length = 64;
        // Where more is needed, rows are made larger.
        let width = length * if characters.is_some() { 16 } else { word_ngrams };
        let used = (buckets == 0).then(|| Buckets::of(Vec::new()));
        TextEncoder::from(Stored {
            words: Words::Vocabulary(words),
            tokens: Tokens::Fasttext,
            phrases: Phrases::default(),
            filled: None,
            counts: Vec::new(),
            ngrams: Some(Ngrams { characters, width, used }),
            length,
            word_ngrams,
            ngram_buckets: buckets.max(1),
            padding: Side::Post,
            truncation: Side::Post,
        })
    }

    /// How words become ids.
    pub fn words(&self) -> &Words {
        &self.stored.words
    }

    /// The words by name, in the order of their ids; none where they are hashed.
    pub(crate) fn vocabulary(&self) -> &[String] {
        match &self.stored.words {
            Words::Vocabulary(words) => words,
            Words::Hashed { .. } => &[],
        }
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
        if let Some(ngrams) = &self.stored.ngrams {
            within("ngram_buckets", ngram_buckets, 1, MOST_IDS)?;
            within("the width of a row", ngrams.width, 1, MOST_IDS)?;
        }
        let last = self.buckets_with_rows().and_then(Buckets::last);
        if last.is_some_and(|last| last as usize >= ngram_buckets) {
            return Err(format!("a bucket is not below the {ngram_buckets} that there are"));
        }
        let counts = self.stored.counts.len();
        match &self.stored.words {
            Words::Vocabulary(words) if counts > 0 && counts != words.len() => {
                Err(format!("{counts} counts are given for {} words", words.len()))
            }
            Words::Vocabulary(_) => Ok(()),
            Words::Hashed { .. } if counts > 0 => Err("hashed words have no counts".into()),
            Words::Hashed { .. } if self.stored.ngrams.is_some() => {
                Err("hashed words have no n-grams of characters".into())
            }
            Words::Hashed { size } => within("hash_size", *size, 2, MOST_IDS),
        }
    }

    /// What the tokens of a text are.
    pub fn tokens(&self) -> Tokens {
        self.stored.tokens
    }

    /// Lengths of the character n-grams that words have ids of.
    pub fn subwords(&self) -> Option<Subwords> {
        self.stored.ngrams.as_ref().and_then(|ngrams| ngrams.characters)
    }

    /// Rows that an embedding of these ids needs.
    pub fn rows(&self) -> usize {
        let buckets = match (&self.stored.ngrams, self.buckets_with_rows()) {
            (None, _) if self.stored.word_ngrams == 1 => 0,
            (_, None) => self.stored.ngram_buckets,
            (None, Some(filled)) => filled.len(),
            // And one for the others.
            (Some(_), Some(used)) => used.len() + 1,
        };
        self.word_ids() + buckets
    }

    /// The buckets of n-grams that have a row of their own; none where all have.
    fn buckets_with_rows(&self) -> Option<&Buckets> {
        match &self.stored.ngrams {
            Some(ngrams) => ngrams.used.as_ref(),
            None => self.stored.filled.as_ref(),
        }
    }

    /// The id of an n-gram of words by itself, where it has a row; `joined` is room that is used again.
    fn ngram_id(&self, words: &[&str], joined: &mut String) -> Option<u32> {
        let bucket = ngram_bucket(words, self.stored.ngram_buckets, joined);
        let place = match self.buckets_with_rows() {
            Some(filled) => filled.place(bucket)?,
            None => bucket,
        };
        Some(self.word_ids() as u32 + place)
    }

    /// Ids of a row: the words, and for each n from 2 the n-grams that as many words have.
    pub fn width(&self) -> usize {
        if let Some(ngrams) = &self.stored.ngrams {
            return ngrams.width;
        }
        let length = self.stored.length;
        length
            + (2..=self.stored.word_ngrams).map(|n| (length + 1).saturating_sub(n)).sum::<usize>()
    }

    /// Words of a row at most.
    pub fn length(&self) -> usize {
        self.stored.length
    }

    /// How large its rows are.
    pub(crate) fn room(&self) -> Room {
        let ids = self.stored.ngrams.as_ref().map_or(0, |ngrams| ngrams.width);
        Room { words: self.length(), ids }
    }

    /// The same words, for rows of another size.
    pub(crate) fn with_room(&self, room: Room) -> TextEncoder {
        let mut encoder = self.clone();
        encoder.stored.length = room.words.max(1);
        if let Some(ngrams) = &mut encoder.stored.ngrams {
            ngrams.width = room.ids.max(1);
        }
        encoder
    }

    /// The same words, for rows as large as texts may be.
    pub(crate) fn without_limit(&self) -> TextEncoder {
        self.with_room(Room { words: Self::MOST_WORDS, ids: 1 << 30 })
    }

    /// Calls `each` with every word of `text`, known or not, phrases as one; `lowered` is room that is used again.
    pub(crate) fn for_each_token(&self, text: &str, lowered: &mut String, each: impl FnMut(&str)) {
        self.stored.phrases.for_each(self.stored.tokens, text, lowered, each);
    }

    /// How many phrases are one word.
    pub fn phrases(&self) -> usize {
        self.stored.phrases.len()
    }

    /// How often training texts had each word, in the order of the words; none where that is not kept.
    pub fn counts(&self) -> &[u64] {
        &self.stored.counts
    }

    /// Keeps how often training texts had each word.
    pub(crate) fn set_counts(&mut self, counts: Vec<u64>) {
        self.stored.counts = counts;
    }

    /// Calls `each` with the id of every word of `text` that is known.
    pub fn for_each_known(&self, text: &str, lowered: &mut String, mut each: impl FnMut(u32)) {
        self.for_each_token(text, lowered, |word| match &self.stored.words {
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

    /// [`TextEncoder::owners`] with n-grams as fastText has them.
    fn owners_of_ngrams(
        &self,
        text: &str,
        mut words: Vec<String>,
    ) -> (Vec<String>, Vec<Option<Range<usize>>>) {
        let mut scratch = Scratch::default();
        let cut = self.encode_ngrams(text, &mut scratch, Some(self.room())).cut;
        match self.stored.truncation {
            Side::Pre => drop(words.drain(..cut)),
            Side::Post => words.truncate(words.len() - cut),
        }
        let (mut bracketed, mut ids) = (String::new(), Vec::new());
        let mut owners: Vec<Range<usize>> = Vec::new();
        for (i, word) in words.iter().enumerate() {
            ids.clear();
            self.word_rows(word, &mut bracketed, &mut ids);
            owners.resize(owners.len() + ids.len(), i..i + 1);
        }
        for i in 0..words.len() {
            let ends = (i + 2..=words.len()).take(self.stored.word_ngrams - 1);
            owners.extend(ends.map(|end| i..end));
        }
        let mut places = Vec::with_capacity(self.width());
        let numbers: Vec<u32> = (1..=owners.len() as u32).collect();
        let Stored { padding, truncation, .. } = self.stored;
        pad(&numbers, self.width(), padding, truncation, &mut places);
        let owner = |&place: &u32| Some(owners.get((place as usize).checked_sub(1)?)?.clone());
        (words, places.iter().map(owner).collect())
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

    /// The room that the largest of these texts needs, and the ids (without subwords, the words) of all together.
    pub(crate) fn measure<T: AsRef<str> + Sync>(&self, texts: &[T]) -> (Room, usize) {
        let none = (Room { words: 0, ids: 0 }, 0);
        let join = |a: (Room, usize), b: (Room, usize)| (a.0.max(b.0), a.1 + b.1);
        let measure = |texts: &[T]| {
            let mut scratch = Scratch::default();
            let each = |text: &T| {
                if self.stored.ngrams.is_some() {
                    let encoded = self.encode_ngrams(text.as_ref(), &mut scratch, None);
                    return (encoded.room(), encoded.ids);
                }
                let mut words = 0;
                self.for_each_token(text.as_ref(), &mut scratch.lowered, |_| words += 1);
                (Room { words, ids: 0 }, words)
            };
            texts.iter().map(each).fold(none, join)
        };
        texts.par_chunks(STRETCH).map(measure).reduce(|| none, join)
    }

    /// The words of a document that its row holds, and for each id of the row which of them it is of: one word, or
    /// those of an n-gram; none for padding.
    pub(crate) fn owners(&self, text: &str) -> (Vec<String>, Vec<Option<Range<usize>>>) {
        let Stored { length, word_ngrams, padding, truncation, .. } = self.stored;
        let mut words = Vec::new();
        self.for_each_token(text, &mut String::new(), |word| words.push(word.to_owned()));
        if self.stored.ngrams.is_some() {
            return self.owners_of_ngrams(text, words);
        }
        match truncation {
            Side::Pre => drop(words.drain(..words.len().saturating_sub(length))),
            Side::Post => words.truncate(length),
        }
        let grams = |n: usize| (0..(words.len() + 1).saturating_sub(n)).map(move |i| i..i + n);
        let mut owners: Vec<Range<usize>> = (1..=word_ngrams).flat_map(grams).collect();
        if self.buckets_with_rows().is_some() {
            let (named, mut joined): (Vec<&str>, _) =
                (words.iter().map(String::as_str).collect(), String::new());
            let mut has_id =
                |of: &[&str]| of.len() == 1 || self.ngram_id(of, &mut joined).is_some();
            owners.retain(|of| has_id(&named[of.clone()]));
        }
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
        let Stored { length, word_ngrams, padding, truncation, .. } = self.stored;
        if self.stored.ngrams.is_some() {
            let encoded = self.encode_ngrams(text, scratch, Some(self.room()));
            let width = if fill { self.width() } else { scratch.ids.len() };
            pad(&scratch.ids, width, padding, truncation, row);
            return encoded;
        }
        let Scratch { lowered, ids, words, ends, joined, .. } = scratch;
        ids.clear();
        words.clear();
        ends.clear();
        self.for_each_token(text, lowered, |word| {
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
        let encoded = Encoded { words: count, known, cut, ids: 0 };
        if word_ngrams == 1 {
            pad(ids, if fill { length } else { count - cut }, padding, truncation, row);
            return encoded;
        }
        let start = |i: usize| i.checked_sub(1).map_or(0, |before| ends[before]);
        let words: Vec<&str> = range.clone().map(|i| &words[start(i)..ends[i]]).collect();
        ids.truncate(range.end);
        ids.drain(..range.start);
        for n in 2..=word_ngrams {
            ids.extend(words.windows(n).filter_map(|words| self.ngram_id(words, joined)));
        }
        pad(ids, if fill { self.width() } else { ids.len() }, padding, truncation, row);
        encoded
    }

    /// Buckets of n-grams as fastText has them; 0 where it has none.
    pub(crate) fn buckets(&self) -> usize {
        match &self.stored.ngrams {
            Some(Ngrams { used: Some(used), .. }) if used.len() == 0 => 0,
            Some(_) => self.stored.ngram_buckets,
            None => 0,
        }
    }

    /// Words of the longest n-gram.
    pub(crate) fn word_ngrams(&self) -> usize {
        self.stored.word_ngrams
    }

    /// The buckets that have a row of their own.
    pub(crate) fn used_buckets(&self) -> Vec<u32> {
        match self.stored.ngrams.as_ref() {
            Some(Ngrams { used: Some(used), .. }) => used.iter().collect(),
            Some(_) => (0..self.stored.ngram_buckets as u32).collect(),
            None => Vec::new(),
        }
    }

    /// The row of a word by itself, where it is in the vocabulary.
    pub(crate) fn own_row(&self, word: &str) -> Option<u32> {
        self.ids.get(word).copied()
    }

    /// Whether it has word n-grams with another hash than fastText's.
    pub(crate) fn has_own_ngrams(&self) -> bool {
        self.stored.word_ngrams > 1 && self.stored.ngrams.is_none()
    }

    /// The row of a bucket.
    pub(crate) fn bucket_row(&self, bucket: u32) -> u32 {
        let first = self.word_ids() as u32;
        match self.stored.ngrams.as_ref().and_then(|ngrams| ngrams.used.as_ref()) {
            Some(used) => first + used.place(bucket).unwrap_or(used.len() as u32),
            None => first + bucket,
        }
    }

    /// Ids of a document with n-grams as fastText has them, in `scratch.ids`: words with their characters' n-grams,
    /// then word n-grams. Words that `room` does not hold are left out.
    fn encode_ngrams(&self, text: &str, scratch: &mut Scratch, room: Option<Room>) -> Encoded {
        let Stored { word_ngrams, ngram_buckets, truncation, .. } = self.stored;
        let Scratch { lowered, ids, ends, hashes, known, joined, .. } = scratch;
        ids.clear();
        ends.clear();
        hashes.clear();
        known.clear();
        self.for_each_token(text, lowered, |word| {
            known.push(self.word_rows(word, joined, ids));
            ends.push(ids.len());
            hashes.push(fasttext_hash(word));
        });
        let words = ends.len();
        let start = |ends: &[usize], i: usize| i.checked_sub(1).map_or(0, |before| ends[before]);
        let with_ngrams = |words: usize, ids: usize| {
            ids + (2..=word_ngrams.min(words.max(1))).map(|n| words + 1 - n).sum::<usize>()
        };
        let whole = with_ngrams(words, ids.len());
        // Whole words are left out, so that a long document keeps n-grams of what it keeps.
        let mut kept = 0..words;
        if let Some(room) = room {
            let fits = |kept: &Range<usize>| {
                let own = start(ends, kept.end) - start(ends, kept.start);
                kept.len() <= room.words && with_ngrams(kept.len(), own) <= room.ids
            };
            while !kept.is_empty() && !fits(&kept) {
                match truncation {
                    Side::Pre => kept.start += 1,
                    Side::Post => kept.end -= 1,
                }
            }
        }
        ids.truncate(start(ends, kept.end));
        ids.drain(..start(ends, kept.start));
        for_each_word_ngram(&hashes[kept.clone()], word_ngrams, ngram_buckets, |bucket| {
            ids.push(self.bucket_row(bucket));
        });
        Encoded {
            words,
            known: known[kept.clone()].iter().filter(|&&known| known).count(),
            cut: words - kept.len(),
            ids: whole,
        }
    }

    /// Appends the rows of a word: its own, where it has one, and those of its characters' n-grams; says whether any
    /// of them is its own or one that training met.
    fn word_rows(&self, word: &str, bracketed: &mut String, ids: &mut Vec<u32>) -> bool {
        let own = self.ids.get(word).copied();
        ids.extend(own);
        let mut is_known = own.is_some();
        let unmet = self.rows() as u32 - 1;
        let has_unmet = self.stored.ngrams.as_ref().is_some_and(|ngrams| ngrams.used.is_some());
        // fastText's end of a line has no characters.
        if let Some(subwords) = self.subwords().filter(|_| word != END_OF_LINE) {
            subwords.for_each(word, bracketed, |hash| {
                let row = self.bucket_row(hash % self.stored.ngram_buckets as u32);
                is_known |= !has_unmet || row != unmet;
                ids.push(row);
            });
        }
        is_known
    }

    /// The rows of the table whose mean is a word's vector: with subwords those of its character n-grams too, so
    /// that a word outside the vocabulary has some. None for a word of which nothing is known.
    pub fn rows_of_word(&self, word: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        match self.word_rows(word, &mut String::new(), &mut ids) {
            true => ids,
            false => Vec::new(),
        }
    }
}

impl Encoded {
    /// The room that the whole document needs.
    pub(crate) fn room(&self) -> Room {
        Room { words: self.words, ids: self.ids }
    }
}

/// Texts that a thread takes at once.
const STRETCH: usize = 1024;

/// How often each word stands, and its place among the words by first appearance: ties keep that order,
/// as in Keras' Tokenizer.
type Counts = HashMap<String, (usize, usize), FixedState>;

/// The words of some texts (none where they are not wanted), and how many the longest has, and all together.
fn count_words<T: AsRef<str>>(
    tokens: Tokens,
    phrases: &Phrases,
    texts: &[T],
    wanted: bool,
) -> (Counts, [usize; 2]) {
    let mut counts: Counts = HashMap::default();
    let (mut lowered, mut longest, mut words) = (String::new(), 0, 0);
    for text in texts {
        let mut length = 0;
        phrases.for_each(tokens, text.as_ref(), &mut lowered, |word| {
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
        words += length;
    }
    (counts, [longest, words])
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
    /// Of each word, for n-grams as fastText has them: its hash, and whether it is known.
    hashes: Vec<u32>,
    known: Vec<bool>,
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
    fn only_buckets_that_texts_fill_have_a_row_where_that_is_asked_for() {
        let options = TextOptions { word_ngrams: 2, ..TextOptions::default() };
        let texts = ["a b c", "a b"];
        let encoder = TextEncoder::fit(&texts, &options).expect("options");
        let encoder = encoder.with_filled_buckets(&texts);
        assert_eq!(encoder.rows(), 5 + 2, "a b, and b c");
        let mut long = row(&encoder, "a b c");
        assert_eq!(long[..3], [2, 3, 4]);
        assert_eq!(row(&encoder, "a b"), [2, 3, long[3], 0, 0]);
        long[3..].sort_unstable();
        assert_eq!(long[3..], [5, 6]);
        assert_eq!(row(&encoder, "c a b"), [4, 2, 3, row(&encoder, "a b")[2], 0], "c a is unmet");
        let (_, owners) = encoder.owners("c a b");
        assert_eq!(owners, [Some(0..1), Some(1..2), Some(2..3), Some(1..3), None]);
        let json = serde_json::to_string(&encoder).expect("json");
        let again: TextEncoder = serde_json::from_str(&json).expect("json");
        assert_eq!((again.rows(), row(&again, "b c a")), (7, row(&encoder, "b c a")));
        assert!(again.check().is_ok());
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
