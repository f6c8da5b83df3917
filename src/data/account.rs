//! What became of what a file holds: every row read is kept or left out with a reason, and what a
//! person should know of how the file was read is said once.

use std::path::Path;

use serde::Serialize;

use super::source::file_and_array;
use crate::printable::printable_field;

/// The account of one file: rows read = rows kept + rows left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Account {
    /// The file or folder; "standard input" for `-`.
    pub source: String,
    /// Rows that it holds.
    pub read: usize,
    /// Why rows were left out, and how many.
    pub left_out: Vec<LeftOut>,
    /// How the file was read, where it could have been meant otherwise: a sentence each.
    pub warnings: Vec<String>,
}

/// Rows left out for one reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// The reason, as a few words: "blank line".
    pub reason: String,
    /// Number of rows.
    pub rows: usize,
    /// Lines of the first few, from 1.
    pub lines: Vec<u64>,
}

/// Lines that are named of those of one kind.
pub(crate) const NAMED: usize = 5;

impl Account {
    /// An account of nothing yet.
    pub fn new(path: &Path) -> Account {
        let source = match path == Path::new("-") {
            true => "standard input".into(),
            false => path.display().to_string(),
        };
        Account { source, ..Account::default() }
    }

    /// An account of `rows` rows that were all kept.
    pub fn of_rows(path: &Path, rows: usize) -> Account {
        Account { read: rows, ..Account::new(path) }
    }

    /// Where the rows are that it tells of: in the file at `path`, or in an array of it.
    pub(crate) fn place<'p>(&'p self, path: &'p Path) -> &'p Path {
        let read = Path::new(&self.source);
        if file_and_array(read).1.is_some() { read } else { path }
    }

    /// Counts a row that was read and left out.
    pub fn leave_out(&mut self, reason: &str, line: u64) {
        self.read += 1;
        self.without(reason, line);
    }

    /// Counts a row as left out that was counted as read before.
    pub fn without(&mut self, reason: &str, line: u64) {
        let found = self.left_out.iter().position(|left_out| left_out.reason == reason);
        let at = found.unwrap_or_else(|| {
            self.left_out.push(LeftOut { reason: reason.into(), rows: 0, lines: Vec::new() });
            self.left_out.len() - 1
        });
        let left_out = &mut self.left_out[at];
        left_out.rows += 1;
        if left_out.lines.len() < NAMED {
            left_out.lines.push(line);
        }
    }

    /// Adds what became of further rows of the same file.
    pub(crate) fn join(&mut self, other: Account) {
        self.read += other.read;
        for LeftOut { reason, rows, lines } in other.left_out {
            match self.left_out.iter_mut().find(|left_out| left_out.reason == reason) {
                Some(own) => {
                    own.rows += rows;
                    let room = NAMED - own.lines.len().min(NAMED);
                    own.lines.extend(lines.into_iter().take(room));
                }
                None => self.left_out.push(LeftOut { reason, rows, lines }),
            }
        }
        other.warnings.into_iter().for_each(|warning| self.warn(warning));
    }

    /// Says how the file was read, once.
    pub fn warn(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !self.warnings.contains(&sentence) {
            self.warnings.push(sentence);
        }
    }

    /// Rows left out, whatever the reason.
    pub fn rows_left_out(&self) -> usize {
        self.left_out.iter().map(|left_out| left_out.rows).sum()
    }

    /// Rows kept.
    pub fn kept(&self) -> usize {
        self.read - self.rows_left_out().min(self.read)
    }
}

/// Lines as words: "line 3", "lines 3, 5, 9 and others".
pub fn lines_as_words(lines: &[u64], rows: usize) -> String {
    let word = if rows == 1 { "line" } else { "lines" };
    format!("{word} {}", numbers_as_words(lines, rows))
}

/// The first few of `count` numbers as words: "3", "3, 5, 9 and others".
pub fn numbers_as_words(numbers: &[u64], count: usize) -> String {
    let shown: Vec<String> = numbers.iter().take(NAMED).map(u64::to_string).collect();
    let others = if count > shown.len() { " and others" } else { "" };
    format!("{}{others}", shown.join(", "))
}

impl std::fmt::Display for Account {
    /// `read 8 rows (2 left out: blank line, lines 3, 5) from q.tsv`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = if self.read == 1 { "row" } else { "rows" };
        write!(f, "read {} {rows} ({} left out", self.read, self.rows_left_out())?;
        for (i, LeftOut { reason, rows, lines }) in self.left_out.iter().enumerate() {
            let sign = if i == 0 { ":" } else { ";" };
            write!(f, "{sign} {reason}, {}", lines_as_words(lines, *rows))?;
        }
        write!(f, ") from {}", printable_field(&self.source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_kept_or_left_out() {
        let mut account = Account::of_rows(Path::new("a.csv"), 3);
        assert_eq!(account.to_string(), "read 3 rows (0 left out) from a.csv");
        for line in [2, 4, 6, 8, 9, 12] {
            account.leave_out("blank line", line);
        }
        account.without("no known word", 7);
        assert_eq!((account.read, account.rows_left_out(), account.kept()), (9, 7, 2));
        assert_eq!(
            account.to_string(),
            "read 9 rows (7 left out: blank line, lines 2, 4, 6, 8, 9 and others; no known word, line 7) from a.csv"
        );
        let odd = Account::of_rows(Path::new("a\n\u{1b}b"), 1).to_string();
        assert_eq!(odd, "read 1 row (0 left out) from a\\n\\u001bb");
        assert_eq!(Account::new(Path::new("-")).source, "standard input");
    }
}
