//! Keras' `text_to_word_sequence`: lower case, filtered characters become spaces, split at spaces.

/// Keras' filter: punctuation except the apostrophe, tab and newline.
pub const DEFAULT_FILTERS: &str = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n";

/// The words of a text, as Keras' `text_to_word_sequence` gives them: the text is lowered by
/// Unicode's rules, every character of [`DEFAULT_FILTERS`] becomes a space, and it is split at
/// spaces. Other white space (a no-break space, a carriage return) stays in its word, as in Keras.
///
/// ```
/// assert_eq!(wgslearn::text::text_to_words("Don't PANIC: it's fine!"), ["don't", "panic", "it's", "fine"]);
/// ```
pub fn text_to_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for_each_word(text, &mut String::new(), |word| words.push(word.to_owned()));
    words
}

/// Calls `each` with every word of `text`; `lowered` is room that is used again.
pub(super) fn for_each_word(text: &str, lowered: &mut String, mut each: impl FnMut(&str)) {
    lowered.clear();
    if text.is_ascii() {
        lowered.push_str(text);
        lowered.make_ascii_lowercase();
    } else {
        lowered.push_str(&text.to_lowercase());
    }
    // Breaks are ASCII, so no byte of another character is one, and words end where characters do.
    let mut start = 0;
    for (i, &byte) in lowered.as_bytes().iter().enumerate() {
        if BREAKS[byte as usize] {
            if start < i {
                each(&lowered[start..i]);
            }
            start = i + 1;
        }
    }
    if start < lowered.len() {
        each(&lowered[start..]);
    }
}

/// Whether a byte stands between words: a space, or one of [`DEFAULT_FILTERS`].
const BREAKS: [bool; 256] = {
    let mut breaks = [false; 256];
    breaks[b' ' as usize] = true;
    let filters = DEFAULT_FILTERS.as_bytes();
    let mut i = 0;
    while i < filters.len() {
        breaks[filters[i] as usize] = true;
        i += 1;
    }
    breaks
};

#[cfg(test)]
mod tests {
    use super::text_to_words;

    /// Each expectation was printed by keras.preprocessing.text.text_to_word_sequence.
    #[test]
    fn words_are_keras_words() {
        assert_eq!(text_to_words("Well done!"), ["well", "done"]);
        assert_eq!(text_to_words("a-b_c\tD\ne"), ["a", "b", "c", "d", "e"]);
        assert_eq!(text_to_words("ÉCOLE straße İ"), ["école", "straße", "i̇"]);
        assert_eq!(text_to_words("no\u{a0}break ΟΔΟΣ"), ["no\u{a0}break", "οδος"]);
        assert_eq!(text_to_words("it's 'quoted' 日本語。"), ["it's", "'quoted'", "日本語。"]);
        assert!(text_to_words(" ... ").is_empty());
    }
}
