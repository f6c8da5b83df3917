//! Keras' `text_to_word_sequence`: lower case, filtered characters become spaces, split at spaces; and,
//! unlike Keras, at any white space, so that the same words come from every format of file.

/// Keras' filter: punctuation except the apostrophe, tab and newline.
pub const DEFAULT_FILTERS: &str = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n";

/// The words of a text, as Keras' `text_to_word_sequence` gives them: the text is lowered by
/// Unicode's rules, every character of [`DEFAULT_FILTERS`] becomes a space, and it is split at
/// white space. (Keras splits at spaces alone, and keeps a no-break space or a carriage return in its word.)
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
    if !lowered.is_ascii() {
        let is_break = |c: char| match c.is_ascii() {
            true => BREAKS[c as usize],
            false => c.is_whitespace(),
        };
        return lowered.split(is_break).filter(|word| !word.is_empty()).for_each(each);
    }
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

/// Whether an ASCII byte stands between words: white space, or one of [`DEFAULT_FILTERS`].
const BREAKS: [bool; 256] = {
    let mut breaks = [false; 256];
    breaks[b' ' as usize] = true;
    breaks[b'\r' as usize] = true;
    // Vertical tab, form feed.
    breaks[0x0b] = true;
    breaks[0x0c] = true;
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

    /// Each expectation was printed by keras.preprocessing.text.text_to_word_sequence, but for white space other
    /// than spaces.
    #[test]
    fn words_are_keras_words() {
        assert_eq!(text_to_words("Well done!"), ["well", "done"]);
        assert_eq!(text_to_words("a-b_c\tD\ne"), ["a", "b", "c", "d", "e"]);
        assert_eq!(text_to_words("ÉCOLE straße İ"), ["école", "straße", "i̇"]);
        assert_eq!(
            text_to_words("no\u{a0}break ΟΔΟΣ\u{3000}a\rb"),
            ["no", "break", "οδος", "a", "b"]
        );
        assert_eq!(text_to_words("a\rb\u{b}c"), ["a", "b", "c"]);
        assert_eq!(text_to_words("it's 'quoted' 日本語。"), ["it's", "'quoted'", "日本語。"]);
        assert!(text_to_words(" ... ").is_empty());
    }
}
