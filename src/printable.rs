//! What comes from a file, on its way to a terminal: no control character reaches it as one.

use std::borrow::Cow;

/// Text whose control characters are written out, as JSON would (`\u001b`): an escape sequence in a label does
/// nothing. Line ends and tabs stay.
///
/// ```
/// assert_eq!(wgslearn::printable::printable("a\u{1b}[2Jb\n"), "a\\u001b[2Jb\n");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_hidden(c) && !matches!(c, '\n' | '\t'))
}

/// As [`printable`], for a field of a line: line ends and tabs are written out too (`\n`, `\t`).
///
/// ```
/// assert_eq!(wgslearn::printable::printable_field("a\nb\tc"), "a\\nb\\tc");
/// ```
pub fn printable_field(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// Whether a character moves or reorders what stands round it: control characters, separators of lines and
/// paragraphs, and those that override or isolate the direction of writing.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text of at most so many characters; what is too long loses its middle.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    let count = text.chars().count();
    if count <= most {
        return Cow::Borrowed(text);
    }
    let (front, back) = (most / 2, most.saturating_sub(most / 2 + 1));
    let front: String = text.chars().take(front).collect();
    let back: String = text.chars().skip(count - back).collect();
    Cow::Owned(format!("{front}…{back}"))
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_escaped(c) => out.push(c),
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            c => out += &format!("\\u{:04x}", c as u32),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_cursor_or_turns_a_line_is_written_out() {
        assert_eq!(
            printable_field("a\u{1b}]0;x\u{7}\u{9b}2J\r"),
            "a\\u001b]0;x\\u0007\\u009b2J\\r"
        );
        assert_eq!(printable_field("abc\u{202e}gpj.exe"), "abc\\u202egpj.exe");
        assert_eq!(printable("one\ttwo\nthree\u{2028}"), "one\ttwo\nthree\\u2028");
        // Letters of any script, joined signs and backslashes are as they were.
        for text in ["größe שלום 👩‍👩‍👧", "C:\\new\\table", ""] {
            assert!(matches!(printable_field(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shortened("short", 18), "short");
        assert_eq!(shortened("abcdefghij", 5), "ab…ij");
        assert_eq!(shortened("äöüßäöüßäö", 6), "äöü…äö");
        assert_eq!(shortened("abc", 1), "…");
    }
}
