//! Character n-grams of words in buckets (Bojanowski et al. 2017), as fastText defines them: of the word between `<`
//! and `>`, by UTF-8 characters, hashed by FNV-1a over signed bytes. Word n-grams share the buckets, by fastText's hash.

use serde::{Deserialize, Serialize};

/// Lengths of character n-grams: `3-6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subwords {
    /// Characters of the shortest, from 1.
    pub min: usize,
    /// Characters of the longest.
    pub max: usize,
}

/// Characters of an n-gram at most: words are hardly longer.
const LONGEST: usize = 32;

impl std::str::FromStr for Subwords {
    type Err = String;

    fn from_str(text: &str) -> Result<Subwords, String> {
        let text = text.trim();
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        match (min.trim().parse(), max.trim().parse()) {
            (Ok(min), Ok(max)) if 1 <= min && min <= max && max <= LONGEST => {
                Ok(Subwords { min, max })
            }
            _ => Err(format!("two lengths from 1 to {LONGEST}, the smaller first, as 3-6")),
        }
    }
}

impl TryFrom<String> for Subwords {
    type Error = String;

    fn try_from(text: String) -> Result<Subwords, String> {
        text.parse()
    }
}

impl From<Subwords> for String {
    fn from(subwords: Subwords) -> String {
        format!("{}-{}", subwords.min, subwords.max)
    }
}

impl Subwords {
    /// Calls `each` with the hash of every n-gram of `word`; `bracketed` is room that is used again.
    pub fn for_each(self, word: &str, bracketed: &mut String, mut each: impl FnMut(u32)) {
        bracketed.clear();
        bracketed.push('<');
        bracketed.push_str(word);
        bracketed.push('>');
        let bytes = bracketed.as_bytes();
        let continues = |at: usize| at < bytes.len() && bytes[at] & 0xC0 == 0x80;
        for start in 0..bytes.len() {
            if continues(start) {
                continue;
            }
            let (mut end, mut hash) = (start, FNV_START);
            for n in 1..=self.max {
                if end == bytes.len() {
                    break;
                }
                hash = fnv_step(hash, bytes[end]);
                end += 1;
                while continues(end) {
                    hash = fnv_step(hash, bytes[end]);
                    end += 1;
                }
                // The brackets by themselves are no n-grams.
                if n >= self.min && !(n == 1 && (start == 0 || end == bytes.len())) {
                    each(hash);
                }
            }
        }
    }
}

const FNV_START: u32 = 2_166_136_261;

/// One byte of FNV-1a, taken as signed: bytes above 127 change the upper 24 bits too.
fn fnv_step(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as i8 as u32).wrapping_mul(16_777_619)
}

/// fastText's hash of a word.
pub fn fasttext_hash(word: &str) -> u32 {
    word.bytes().fold(FNV_START, fnv_step)
}

/// Calls `each` with the bucket of every n-gram of 2 to `longest` words, given by their hashes.
pub(super) fn for_each_word_ngram(
    hashes: &[u32],
    longest: usize,
    buckets: usize,
    mut each: impl FnMut(u32),
) {
    let widened = |hash: u32| hash as i32 as i64 as u64;
    for (i, &first) in hashes.iter().enumerate() {
        let mut hash = widened(first);
        for &next in hashes[i + 1..].iter().take(longest - 1) {
            hash = hash.wrapping_mul(116_049_371).wrapping_add(widened(next));
            each((hash % buckets as u64) as u32);
        }
    }
}

/// The buckets that have a row of their own, out of all: a set that says each one's place among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<u32>", into = "Vec<u32>")]
pub(super) struct Buckets {
    bits: Vec<u64>,
    /// How many stand before each word of bits.
    before: Vec<u32>,
    len: usize,
}

impl Buckets {
    /// Those named, in any order and more than once.
    pub fn of(mut buckets: Vec<u32>) -> Buckets {
        buckets.sort_unstable();
        let words = buckets.last().map_or(0, |&last| last as usize / 64 + 1);
        let mut bits = vec![0u64; words];
        for bucket in buckets {
            bits[bucket as usize / 64] |= 1 << (bucket % 64);
        }
        let mut before = Vec::with_capacity(words);
        let mut len = 0;
        for word in &bits {
            before.push(len as u32);
            len += word.count_ones() as usize;
        }
        Buckets { bits, before, len }
    }

    /// Adds them to those that were there before, where there were any.
    pub fn add_to(self, before: &mut Option<Buckets>) {
        *before = Some(match before {
            Some(before) => Buckets::of(before.iter().chain(self.iter()).collect()),
            None => self,
        });
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// The highest.
    pub fn last(&self) -> Option<u32> {
        let top = self.bits.last().filter(|&&word| word != 0)?;
        Some((self.bits.len() * 64 - 1) as u32 - top.leading_zeros())
    }

    /// Its place among those that have a row.
    pub fn place(&self, bucket: u32) -> Option<u32> {
        let word = *self.bits.get(bucket as usize / 64)?;
        let below = word & ((1 << (bucket % 64)) - 1);
        (word >> (bucket % 64) & 1 == 1)
            .then(|| self.before[bucket as usize / 64] + below.count_ones())
    }

    /// All of them, rising.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.bits.iter().zip(0..).flat_map(|(&word, i)| {
            (0..64u32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| i * 64 + bit)
        })
    }
}

/// In files as the first and the differences: small numbers.
impl From<Vec<u32>> for Buckets {
    fn from(steps: Vec<u32>) -> Buckets {
        // Beyond what a model may have they are refused by `TextEncoder::check`: none is counted here.
        const MOST: u64 = 1 << 30;
        let mut at = 0u64;
        let sums = steps.iter().map_while(|&step| {
            at += step as u64;
            (at < MOST).then_some(at as u32)
        });
        Buckets::of(sums.collect())
    }
}

impl From<Buckets> for Vec<u32> {
    fn from(buckets: Buckets) -> Vec<u32> {
        let mut last = 0;
        let step = |bucket: u32| bucket - std::mem::replace(&mut last, bucket);
        buckets.iter().map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ngrams_are_those_of_fasttext() {
        let found = |range: &str, word: &str| {
            let mut found = Vec::new();
            let subwords: Subwords = range.parse().expect("a range");
            subwords.for_each(word, &mut String::new(), |hash| found.push(hash));
            found
        };
        let hashes =
            |ngrams: &[&str]| ngrams.iter().map(|ngram| fasttext_hash(ngram)).collect::<Vec<_>>();
        assert_eq!(found("3-4", "où"), hashes(&["<où", "<où>", "où>"]));
        assert_eq!(found("1-2", "ab"), hashes(&["<a", "a", "ab", "b", "b>"]));
        assert_eq!(found("3", ""), hashes(&[]));
        // fasttext.FastText.get_subword_id of a model with 2,000,000 buckets, less its words.
        assert_eq!(fasttext_hash("où>") % 2_000_000, OU);
    }

    const OU: u32 = 1_745_676;

    #[test]
    fn ranges_are_read_and_refused() {
        assert_eq!("3-6".parse(), Ok(Subwords { min: 3, max: 6 }));
        assert_eq!(" 4 ".parse(), Ok(Subwords { min: 4, max: 4 }));
        assert_eq!(String::from(Subwords { min: 3, max: 6 }), "3-6");
        for wrong in ["", "6-3", "0-3", "3-99", "a-b", "3-", "-3"] {
            assert!(wrong.parse::<Subwords>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn buckets_know_their_places() {
        let buckets = Buckets::of(vec![700, 3, 64, 3, 63]);
        assert_eq!(buckets.iter().collect::<Vec<_>>(), [3, 63, 64, 700]);
        let places = [3, 63, 64, 700, 4, 701, 1 << 29].map(|bucket| buckets.place(bucket));
        assert_eq!(places, [Some(0), Some(1), Some(2), Some(3), None, None, None]);
        let steps: Vec<u32> = buckets.clone().into();
        assert_eq!(steps, [3, 60, 1, 636]);
        assert_eq!(Buckets::from(steps), buckets);
        assert_eq!(Buckets::of(Vec::new()).len(), 0);
        let last = |buckets: &[u32]| Buckets::of(buckets.to_vec()).last();
        assert_eq!(
            (last(&[700, 3]), last(&[64]), last(&[63]), last(&[])),
            (Some(700), Some(64), Some(63), None)
        );
        // What no model may have is left out.
        assert_eq!(Buckets::from(vec![3, (1 << 30) - 3]), Buckets::of(vec![3]));
    }

    #[test]
    fn ngrams_of_words_are_hashed_as_fasttext_does() {
        let buckets = |hashes: &[u32], longest| {
            let mut found = Vec::new();
            for_each_word_ngram(hashes, longest, 1000, |bucket| found.push(bucket));
            found
        };
        // h of a word after others: 116,049,371 h + its hash, signed, in 64 bits.
        assert_eq!(buckets(&[1, u32::MAX], 2), [370]);
        assert_eq!(buckets(&[1, 2, 3], 2), [373, 745]);
        assert_eq!(buckets(&[1, 2, 3], 3), [373, 386, 745]);
        assert_eq!(buckets(&[1, 2, 3], 1), [0; 0]);
    }
}
