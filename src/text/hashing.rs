//! Words to ids without a vocabulary: Keras' `one_hot`, with a hash that never changes.

use super::tokenizer::text_to_words;

/// Ids of a text's words by hashing into `size` ids, as Keras' `one_hot(text, size)` with
/// `hash_function="md5"`: from 1 to size - 1, where words may share an id and 0 is padding.
/// (Keras' default is Python's `hash`, which differs from process to process.)
///
/// ```
/// assert_eq!(wgslearn::text::one_hot("Well done!", 50), [15, 31]);
/// ```
pub fn one_hot(text: &str, size: usize) -> Vec<u32> {
    text_to_words(text).iter().map(|word| hash_md5(word, size)).collect()
}

/// `md5(word) mod (size - 1) + 1`, with the digest read as one big-endian number.
pub fn hash_md5(word: &str, size: usize) -> u32 {
    let md5::Digest(digest) = md5::compute(word);
    let buckets = (size.max(2) - 1) as u128;
    (u128::from_be_bytes(digest) % buckets) as u32 + 1
}

/// The bucket of an n-gram, a word followed by others: xxh3 of the words with spaces between.
pub(super) fn ngram_bucket(words: &[&str], buckets: usize, joined: &mut String) -> u32 {
    joined.clear();
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    (xxhash_rust::xxh3::xxh3_64(joined.as_bytes()) % buckets as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_keras_and_xxh3() {
        // keras.preprocessing.text.one_hot("Well done!", 50) by md5.
        assert_eq!(one_hot("Well done!", 50), [15, 31]);
        assert_eq!([0, 1, 2].map(|size| hash_md5("well", size)), [1; 3]);
        let of = |joined: &str| (xxhash_rust::xxh3::xxh3_64(joined.as_bytes()) % 1000) as u32;
        let mut room = "before".to_string();
        assert_eq!(ngram_bucket(&["a", "b", "c"], 1000, &mut room), of("a b c"));
        assert_eq!(ngram_bucket(&["a"], 1000, &mut room), of("a"));
    }
}
