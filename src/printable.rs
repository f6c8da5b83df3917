//! What comes from a file, on its way to a terminal: no control character reaches it as one.

use std::borrow::Cow;

/// Text whose control characters are written out, as JSON would (`\u001b`): an escape sequence in a label does
/// nothing. Line ends and tabs stay.
///
/// ```
/// assert_eq!(wgslearn::printable::printable("a\u{1b}[2Jb\n"), "a\\u001b[2Jb\n");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.is_control() && !matches!(c, '\n' | '\t'))
}

/// As [`printable`], for a field of a line: line ends and tabs are written out too (`\n`, `\t`).
///
/// ```
/// assert_eq!(wgslearn::printable::printable_field("a\nb\tc"), "a\\nb\\tc");
/// ```
pub fn printable_field(text: &str) -> Cow<'_, str> {
    escaped(text, char::is_control)
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
