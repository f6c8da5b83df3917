//! What the tokens of a text are: words between white space and punctuation, words by Unicode's rules, characters, or
//! words as fastText splits them; and which of these suits texts that are written without spaces.

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use super::tokenizer::for_each_word;

/// What the tokens of a text are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tokens {
    /// Lowered words between white space and punctuation (Keras' rule, [`text_to_words`](super::text_to_words)).
    #[default]
    Space,
    /// Lowered words by Unicode's rules (UAX 29): of scripts without spaces, characters or what the rules join.
    Unicode,
    /// Lowered characters (grapheme clusters of UAX 29), white space left out.
    Char,
    /// Words as fastText has them: split at ASCII white space, nothing lowered or taken away, and `</s>` at the end.
    Fasttext,
}

/// What fastText ends a line with: a token like others.
pub(crate) const END_OF_LINE: &str = "</s>";
/// What fastText's labels begin with: such tokens are no words.
pub(crate) const LABEL_PREFIX: &str = "__label__";

impl Tokens {
    pub(super) fn is_default(&self) -> bool {
        *self == Tokens::Space
    }

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Tokens::Space => "space",
            Tokens::Unicode => "unicode",
            Tokens::Char => "char",
            Tokens::Fasttext => "fasttext",
        }
    }

    /// Calls `each` with every token of `text`; `lowered` is room that is used again.
    pub(super) fn for_each(self, text: &str, lowered: &mut String, mut each: impl FnMut(&str)) {
        let lower = |lowered: &mut String| {
            lowered.clear();
            lowered.push_str(&text.to_lowercase());
        };
        match self {
            Tokens::Space => for_each_word(text, lowered, each),
            Tokens::Unicode => {
                lower(lowered);
                lowered.unicode_words().for_each(each);
            }
            Tokens::Char => {
                lower(lowered);
                lowered
                    .graphemes(true)
                    .filter(|cluster| !cluster.chars().all(char::is_whitespace))
                    .for_each(each);
            }
            Tokens::Fasttext => {
                let is_break = |c| matches!(c, ' ' | '\n' | '\r' | '\t' | '\x0b' | '\x0c' | '\0');
                text.split(is_break)
                    .filter(|word| !word.is_empty() && !word.starts_with(LABEL_PREFIX))
                    .for_each(&mut each);
                each(END_OF_LINE);
            }
        }
    }

    /// Texts that are looked at.
    pub(crate) const SAMPLE: usize = 10_000;

    /// The tokens that suit `texts`: [`Tokens::Unicode`] where much of them is of scripts without spaces (Chinese,
    /// Japanese, Thai, Lao, Khmer, Burmese, Tibetan) and runs on without any, else [`Tokens::Space`].
    pub(super) fn suited_to<T: AsRef<str>>(texts: &[T]) -> Tokens {
        // Letters of all scripts, of those without spaces, and the runs that the latter make. Of the scripts of
        // South-East Asia a word has twice the letters of a Chinese one.
        let (mut letters, mut unspaced, mut runs, mut weight) = (0u64, 0u64, 0u64, 0u64);
        for text in texts.iter().take(Tokens::SAMPLE) {
            let text = text.as_ref();
            if text.is_ascii() {
                letters += text.bytes().filter(u8::is_ascii_alphabetic).count() as u64;
                continue;
            }
            let is_break = |c: char| c.is_whitespace() || !c.is_alphanumeric() && !is_mark(c);
            for word in text.split(is_break) {
                let mut own = 0;
                for c in word.chars() {
                    letters += c.is_alphabetic() as u64;
                    let each = letter_weight(c);
                    unspaced += (each > 0) as u64;
                    own += each;
                }
                runs += (own > 0) as u64;
                weight += own;
            }
        }
        // Texts whose words a segmenter has parted have runs of one or two characters.
        match unspaced * 10 >= letters * 3 && weight >= 2 * LONG_RUN * runs && runs > 0 {
            true => Tokens::Unicode,
            false => Tokens::Space,
        }
    }
}

/// Chinese characters of a run, on average, from which on it is no word.
const LONG_RUN: u64 = 3;

/// Twice the part of a Chinese character that a letter stands for; 0 for scripts with spaces.
fn letter_weight(c: char) -> u64 {
    match c as u32 {
        // Kana, Bopomofo, CJK ideographs with their extensions.
        0x3040..=0x312F | 0x31A0..=0x31BF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF => 2,
        0xF900..=0xFAFF | 0xFF66..=0xFF9F | 0x20000..=0x323AF => 2,
        // Thai, Lao, Tibetan, Burmese, Khmer.
        0x0E01..=0x0FFF | 0x1000..=0x109F | 0x1780..=0x17FF => 1,
        _ => 0,
    }
}

/// Vowel signs and tone marks of the scripts above.
fn is_mark(c: char) -> bool {
    letter_weight(c) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_without_spaces_are_told_at_the_edges() {
        let suited = |texts: &[&str]| Tokens::suited_to(texts);
        // Three letters of ten, in a run of three; of eleven, beside or in a text of their own; in a run of two.
        assert_eq!(suited(&["一二三 abcdefg"]), Tokens::Unicode);
        assert_eq!(suited(&["一二三 abcdefgh"]), Tokens::Space);
        assert_eq!(suited(&["abcdefgh", "一二三"]), Tokens::Space);
        assert_eq!(suited(&["abcdefg", "一二三"]), Tokens::Unicode);
        assert_eq!(suited(&["一二 三四"]), Tokens::Space);
        // Punctuation parts, a tone mark does not; Thai takes six letters.
        assert_eq!(suited(&["一二，三四"]), Tokens::Space);
        assert_eq!(suited(&["กขคงจฉ"]), Tokens::Unicode);
        assert_eq!(suited(&["กขคงจ"]), Tokens::Space);
        assert_eq!(suited(&["ก่ข่ค่"]), Tokens::Unicode);
        assert_eq!(suited(&["ｱｲｳ"]), Tokens::Unicode);
        assert_eq!((suited(&[]), suited(&["été à"])), (Tokens::Space, Tokens::Space));
    }

    #[test]
    fn tokens_have_the_names_of_files() {
        for tokens in [Tokens::Space, Tokens::Unicode, Tokens::Char, Tokens::Fasttext] {
            let json = serde_json::to_value(tokens).expect("json");
            assert_eq!(json, tokens.name());
            assert_eq!(tokens.is_default(), tokens == Tokens::default());
        }
    }

    fn tokens(tokens: Tokens, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        tokens.for_each(text, &mut String::new(), |token| found.push(token.to_owned()));
        found
    }

    #[test]
    fn tokens_are_words_characters_or_fasttexts() {
        assert_eq!(
            tokens(Tokens::Space, "A state-of-the-art 电影"),
            ["a", "state", "of", "the", "art", "电影"]
        );
        assert_eq!(tokens(Tokens::Unicode, "Don't 这部电影!"), ["don't", "这", "部", "电", "影"]);
        assert_eq!(tokens(Tokens::Unicode, "カタカナ です"), ["カタカナ", "で", "す"]);
        assert_eq!(tokens(Tokens::Char, "Ab e\u{301}!"), ["a", "b", "e\u{301}", "!"]);
        assert_eq!(
            tokens(Tokens::Fasttext, "A\tb,\u{a0}c __label__x\u{b}D"),
            ["A", "b,\u{a0}c", "D", "</s>"]
        );
        assert_eq!(tokens(Tokens::Fasttext, ""), ["</s>"]);
    }

    #[test]
    fn texts_without_spaces_are_told_from_parted_ones() {
        assert_eq!(Tokens::suited_to(&["这部电影很好看", "非常糟糕的表演"]), Tokens::Unicode);
        assert_eq!(Tokens::suited_to(&["この映画はとても面白かった。"]), Tokens::Unicode);
        assert_eq!(Tokens::suited_to(&["ภาพยนตร์เรื่องนี้สนุกมาก"]), Tokens::Unicode);
        assert_eq!(Tokens::suited_to(&["这 部 电影 很 好看", "非常 糟糕 的 表演"]), Tokens::Space);
        assert_eq!(Tokens::suited_to(&["ภาพยนตร์ เรื่อง นี้ สนุก มาก"]), Tokens::Space);
        assert_eq!(Tokens::suited_to(&["Fine films, all of them", "电影"]), Tokens::Space);
        assert_eq!(Tokens::suited_to(&["이 영화는 정말 재미있어요", "ÉCOLE"]), Tokens::Space);
        assert_eq!(Tokens::suited_to(&[""]), Tokens::Space);
        assert_eq!(Tokens::suited_to::<&str>(&[]), Tokens::Space);
    }
}
