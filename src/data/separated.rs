//! Fields with separators between: CSV (RFC 4180) and TSV, with names in the first line or without.
//!
//! A quote opens a field where the field begins, and closes it before a separator or a line's end.
//! Whatever else a quote does is refused with the line where it opened: a reader that went on would
//! swallow the rows behind it. Tab-separated texts are mostly published without quoting, so there
//! quotes are characters unless all of them are consistent.

use std::path::Path;

use csv::ByteRecord;

use super::account::Account;
use super::examples::{line_end, utf8};
use super::format::Format;
use super::source::{ByteSource, Head};
use crate::error::{Error, Result, did_you_mean};

/// Said of files that are separated by semicolons.
pub(super) const SEMICOLONS: &str =
    "semicolons stand between its fields, and no comma in its first line";

/// A separated file, row by row.
#[derive(Debug)]
pub struct Separated<'s> {
    source: &'s ByteSource,
    /// Names of the columns: those of the first line, else their numbers from 0.
    pub names: Vec<String>,
    /// Whether the first line names the columns.
    pub has_header: bool,
    separator: u8,
    quoting: bool,
    reader: csv::Reader<&'s [u8]>,
    record: ByteRecord,
    rows: usize,
    blank: Vec<u64>,
}

impl<'s> Separated<'s> {
    /// Opens a separated file; `is_header` looks at the first line's fields.
    ///
    /// # Errors
    /// [`Error::Data`] names the line: a quote that does not close, bytes that are not UTF-8 in the
    /// first line; or says that the file is empty.
    pub fn open(
        source: &'s ByteSource,
        separator: u8,
        is_header: impl FnOnce(&[String], &mut Account) -> Result<bool>,
        account: &mut Account,
    ) -> Result<Separated<'s>> {
        let (path, bytes) = (source.path(), &source.bytes[..]);
        if let Some(head) = source.before.head.clone() {
            return Separated::of_block(source, head);
        }
        if separator == b';' {
            account.warn(SEMICOLONS);
        }
        let mut scan = Scan::new(separator);
        scan.take(bytes);
        let (quoting, said) = scan.quoting(path, || Tabs::default().are_even(bytes))?;
        said.into_iter().for_each(|said| account.warn(said));
        let head = Head::read(source, separator, quoting, |names| is_header(names, account))?;
        Separated::of_block(source, head)
    }

    /// The rows of a block of a file whose beginning was read before.
    pub fn of_block(source: &'s ByteSource, head: Head) -> Result<Separated<'s>> {
        let Head { names, has_header, separator, quoting } = head;
        let mut reader = reader(source, separator, quoting);
        let mut record = ByteRecord::new();
        if has_header && source.before.lines == 0 {
            reader.read_byte_record(&mut record).map_err(|e| unreadable(source, &e))?;
        }
        let blank = blank_lines(source, separator, quoting)?;
        Ok(Separated {
            source,
            names,
            has_header,
            separator,
            quoting,
            reader,
            record,
            rows: 0,
            blank,
        })
    }

    /// How its fields lie: what a block behind it has to know.
    pub fn head(&self) -> Head {
        Head {
            names: self.names.clone(),
            has_header: self.has_header,
            separator: self.separator,
            quoting: self.quoting,
        }
    }

    /// The same file from its first row on, for a look ahead: it counts no blank lines.
    ///
    /// # Errors
    /// [`Error::Data`] when the first line cannot be read.
    pub fn rewound(&self) -> Result<Separated<'s>> {
        let mut again = Separated::of_block(self.source, self.head())?;
        again.blank.clear();
        Ok(again)
    }

    /// The next row: its line, from 1, and its fields.
    ///
    /// # Errors
    /// [`Error::Data`] names the line of a row with another number of fields than the first line.
    pub fn next_row(&mut self) -> Result<Option<(u64, &ByteRecord)>> {
        let read = self.reader.read_byte_record(&mut self.record);
        if !read.map_err(|e| unreadable(self.source, &e))? {
            return Ok(None);
        }
        let line = self.source.before.lines + line_of(&self.source.bytes, self.record.position());
        if self.record.len() != self.names.len() {
            return Err(Error::line(
                self.source.path(),
                line,
                format!(
                    "the row has {} fields, but the first line has {}; quote fields that hold the separator",
                    self.record.len(),
                    self.names.len()
                ),
            ));
        }
        self.rows += 1;
        Ok(Some((line, &self.record)))
    }

    /// Writes into the account what was read: the rows given, and blank lines.
    pub fn close(self, account: &mut Account) {
        account.read += self.rows;
        for line in self.blank {
            account.leave_out("blank line", self.source.before.lines + line);
        }
    }
}

/// The separator of a file. A CSV file has semicolons where its first line, beside what is quoted, holds some and no comma:
/// so do spreadsheets write it where numbers have a decimal comma. Of a file that is called neither CSV nor TSV, it is the
/// one of which the first line has most. Where the first line is a row (`no_header`), and may be a text, all rows of the
/// beginning have as many semicolons.
pub fn separator_of(source: &ByteSource, format: Format, no_header: bool) -> u8 {
    /// Rows that are looked at.
    const LOOKED_AT: usize = 100;
    if let Some(head) = &source.before.head {
        return head.separator;
    }
    if format == Format::Tsv {
        return b'\t';
    }
    // Of each row: commas, semicolons, tabs.
    let mut rows: Vec<[usize; 3]> = Vec::new();
    let (mut is_quoted, mut is_at_start) = (false, true);
    for &byte in &source.bytes {
        if !is_quoted && matches!(byte, b'\n' | b'\r') {
            is_at_start = true;
            continue;
        }
        if std::mem::take(&mut is_at_start) {
            if rows.len() == LOOKED_AT {
                break;
            }
            rows.push([0; 3]);
        }
        is_quoted ^= byte == b'"';
        let which = [b',', b';', b'\t'].iter().position(|&separator| separator == byte);
        if let (Some(which), false, Some(row)) = (which, is_quoted, rows.last_mut()) {
            row[which] += 1;
        }
    }
    let [commas, semicolons, tabs] = rows.first().copied().unwrap_or_default();
    let are_even = || rows.iter().all(|row| row[1] == semicolons);
    match format {
        Format::Csv if semicolons == 0 || commas > 0 => b',',
        Format::Csv if no_header && !(rows.len() > 1 && are_even()) => b',',
        Format::Csv => b';',
        _ if tabs > commas.max(semicolons) => b'\t',
        _ if semicolons > 0 && commas == 0 => b';',
        _ => b',',
    }
}

impl Head {
    /// Reads the first line of a file of which it is known how fields are parted.
    ///
    /// # Errors
    /// As [`Separated::open`].
    pub fn read(
        source: &ByteSource,
        separator: u8,
        quoting: bool,
        is_header: impl FnOnce(&[String]) -> Result<bool>,
    ) -> Result<Head> {
        let mut record = ByteRecord::new();
        let read = reader(source, separator, quoting).read_byte_record(&mut record);
        if !read.map_err(|e| unreadable(source, &e))? {
            return Err(Error::data(
                source.path(),
                "the file is empty; its first line names the columns",
            ));
        }
        let line = line_of(&source.bytes, record.position());
        let field = |field| utf8(source.path(), line, field).map(|name| name.trim().to_owned());
        let names: Vec<String> = record.iter().map(field).collect::<Result<_>>()?;
        if names.first().is_some_and(|name| name.eq_ignore_ascii_case("sep=")) {
            return Err(Error::line(
                source.path(),
                line,
                "this line tells spreadsheets what stands between the fields, and is no row; take it out, so that the names come first",
            ));
        }
        let has_header = is_header(&names)?;
        let names = match has_header {
            true => names,
            false => (0..names.len()).map(|i| i.to_string()).collect(),
        };
        Ok(Head { names, has_header, separator, quoting })
    }
}

fn reader(source: &ByteSource, separator: u8, quoting: bool) -> csv::Reader<&[u8]> {
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(separator).has_headers(false).quoting(quoting).flexible(true);
    builder.from_reader(&source.bytes)
}

fn unreadable(source: &ByteSource, error: &csv::Error) -> Error {
    Error::data(source.path(), format!("the file cannot be read ({error})"))
}

impl Separated<'_> {
    /// What stands between fields.
    pub fn separator(&self) -> u8 {
        self.separator
    }

    /// Where the file is, for messages.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// The number of the column of that name.
    ///
    /// # Errors
    /// [`Error::Data`] when no column, or several, have it; `setting` is what names it.
    pub fn column(&self, name: &str, setting: &str) -> Result<usize> {
        let mut found = self.names.iter().enumerate().filter(|(_, n)| *n == name).map(|(i, _)| i);
        match (found.next(), found.next()) {
            (Some(i), None) => Ok(i),
            (Some(i), Some(j)) => Err(twins(self.source, name, i, j)),
            (None, _) => Err(Error::line(
                self.source.path(),
                1,
                match self.has_header {
                    true if self.names.len() == 1
                        && self.names[0].contains([';', '\t', '|', ',']) =>
                    {
                        format!(
                            "there is no column \"{name}\": the first line, \"{}\", holds no separator that this format has; save the file with commas (.csv) or tabs (.tsv) between its fields",
                            self.names[0]
                        )
                    }
                    true => format!(
                        "there is no column \"{name}\"{}; the columns, named by the first line, are {}. Name the right one as {setting}, or set no_header where the first line is a row",
                        did_you_mean(name, self.names.iter().map(String::as_str)),
                        listed(&self.names)
                    ),
                    false => format!(
                        "there is no column \"{name}\": without a header, columns are called 0 to {}. Name the right one as {setting}",
                        self.names.len() - 1
                    ),
                },
            )),
        }
    }

    /// Refuses two columns of one name.
    ///
    /// # Errors
    /// [`Error::Data`] with both places.
    pub fn check_names(&self) -> Result<()> {
        for (j, name) in self.names.iter().enumerate() {
            if let Some(i) = self.names[..j].iter().position(|before| before == name) {
                return Err(twins(self.source, name, i, j));
            }
        }
        Ok(())
    }
}

fn twins(source: &ByteSource, name: &str, i: usize, j: usize) -> Error {
    Error::line(
        source.path(),
        1,
        format!(
            "two columns have the same name: {} and {} are both called \"{name}\"; rename one of them",
            i + 1,
            j + 1
        ),
    )
}

/// Names with commas between; of many, the first.
pub fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}

/// A quote that does what no quote may.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    /// The line where it opened, from 1.
    opened: u64,
    what: String,
}

impl Fault {
    /// As the error of a file of which `before` lines came before.
    pub fn error(&self, path: &Path, before: u64) -> Error {
        Error::line(
            path,
            before + self.opened,
            format!(
                "the quote that opens a field here {}; close it, double the quotes within a field, or take it out",
                self.what
            ),
        )
    }
}

/// What stands before a byte of a separated file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum At {
    #[default]
    LineStart,
    FieldStart,
    Plain,
    Quoted,
    Closed,
}

/// A look at a file's quotes and blank lines, piece by piece.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Scan {
    separator: u8,
    at: At,
    /// Line ends so far.
    ends: u64,
    /// The line where the last quote opened, from 1.
    opened: u64,
    /// The first quote that does not close as it should.
    pub fault: Option<Fault>,
    /// Whether a quoted field holds a line's end or a separator.
    pub holds_breaks: bool,
    /// Lines without a character, from 1.
    pub blank: Vec<u64>,
    /// Bytes of the last piece that are whole rows.
    pub rows_end: usize,
}

impl Scan {
    /// Looks at a whole file.
    fn of(bytes: &[u8], separator: u8) -> Scan {
        let mut scan = Scan::new(separator);
        scan.take(bytes);
        scan.finish()
    }

    /// A look at a file from its start.
    pub fn new(separator: u8) -> Scan {
        Scan { separator, ..Scan::default() }
    }

    /// Looks at the next piece, which ends with a line or with the file.
    pub fn take(&mut self, bytes: &[u8]) {
        let mut i = 0;
        self.rows_end = 0;
        while i < bytes.len() && self.fault.is_none() {
            let byte = bytes[i];
            // "\r\n" is one end.
            let is_end = byte == b'\n' || byte == b'\r' && bytes.get(i + 1) != Some(&b'\n');
            let is_half = byte == b'\r' && !is_end;
            match self.at {
                At::Quoted => {
                    if byte == b'"' {
                        if bytes.get(i + 1) == Some(&b'"') {
                            i += 1;
                        } else {
                            self.at = At::Closed;
                        }
                    } else if byte == self.separator || is_end {
                        self.holds_breaks = true;
                    }
                }
                _ if is_half => {}
                _ if is_end => {
                    if self.at == At::LineStart {
                        self.blank.push(self.ends + 1);
                    }
                    self.at = At::LineStart;
                    if byte == b'\n' {
                        self.rows_end = i + 1;
                    }
                }
                _ if byte == self.separator => self.at = At::FieldStart,
                At::LineStart | At::FieldStart if byte == b'"' => {
                    (self.at, self.opened) = (At::Quoted, self.ends + 1);
                }
                At::Closed if byte != b' ' => {
                    let (line, opened) = (self.ends + 1, self.opened);
                    self.fault = Some(Fault {
                        opened,
                        what: match line == opened {
                            true => "closes before the field ends".into(),
                            false => format!("closes in line {line} before a field ends there"),
                        },
                    });
                }
                At::Closed => {}
                _ => self.at = At::Plain,
            }
            self.ends += is_end as u64;
            i += 1;
        }
    }

    /// The same at the end of the file.
    fn finish(mut self) -> Scan {
        if self.at == At::Quoted && self.fault.is_none() {
            self.fault = Some(Fault { opened: self.opened, what: "is never closed".into() });
        }
        self
    }

    /// Whether quotes are quotes, rather than characters, which a sentence may say of the file; `lines_alone` says whether
    /// every line, taken for itself, has as many tabs as the first.
    pub fn quoting(
        self,
        path: &Path,
        lines_alone: impl FnOnce() -> bool,
    ) -> Result<(bool, Option<String>)> {
        let Scan { separator, fault, holds_breaks, .. } = self.finish();
        match (separator, fault, holds_breaks) {
            (_, None, false) => Ok((true, None)),
            (b'\t', fault, _) if lines_alone() => {
                let said = fault.map(|fault| {
                    let Fault { opened, what } = fault;
                    format!("its quotes are read as characters: the one in line {opened} {what}")
                });
                Ok((false, said))
            }
            (_, None, true) => Ok((true, None)),
            (_, Some(fault), _) => Err(fault.error(path, 0)),
        }
    }
}

/// Lines without a character, from 1.
fn blank_lines(source: &ByteSource, separator: u8, quoting: bool) -> Result<Vec<u64>> {
    let bytes = &source.bytes;
    if quoting {
        let Scan { fault, blank, .. } = Scan::of(bytes, separator);
        return match fault {
            Some(fault) => Err(fault.error(source.path(), source.before.lines)),
            None => Ok(blank),
        };
    }
    let end = line_end(bytes, source.before.lines);
    let lines = bytes.split(|&byte| byte == end).zip(1..);
    let is_blank = |line: &[u8]| matches!(line, [] | [b'\r']);
    let mut blank: Vec<u64> =
        lines.filter(|(line, _)| is_blank(line)).map(|(_, number)| number).collect();
    // Behind the last line's end there is none.
    if bytes.is_empty() || bytes.ends_with(&[end]) {
        blank.pop();
    }
    Ok(blank)
}

/// Whether every line, taken for itself, has as many tabs as the first: over pieces that end with a line.
#[derive(Debug, Default)]
pub(super) struct Tabs {
    first: Option<usize>,
    are_odd: bool,
}

impl Tabs {
    /// Looks at the next piece, and says of all so far.
    pub fn are_even(&mut self, bytes: &[u8]) -> bool {
        let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
        for line in lines.filter(|line| !line.is_empty()) {
            let tabs = line.iter().filter(|&&byte| byte == b'\t').count();
            self.are_odd |= *self.first.get_or_insert(tabs) != tabs;
        }
        !self.are_odd
    }
}

/// The line where a record's first field is, from 1. The csv crate lets a record begin at the
/// line ends before it: at the "\n" of "\r\n", and at blank lines.
fn line_of(bytes: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let rest = bytes.get(position.byte() as usize..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + ends.filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rows = Vec<(u64, Vec<String>)>;

    fn read(text: &str, separator: u8) -> Result<(Rows, Account)> {
        let source = ByteSource::of(Path::new("t"), text.as_bytes().to_vec())?;
        let mut account = Account::new(source.path());
        let mut file = Separated::open(&source, separator, |_, _| Ok(true), &mut account)?;
        let mut rows = Vec::new();
        let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        while let Some((line, fields)) = file.next_row()? {
            rows.push((line, fields.iter().map(text).collect()));
        }
        file.close(&mut account);
        assert_eq!(account.kept(), rows.len());
        Ok((rows, account))
    }

    fn fields(text: &str, separator: u8) -> Vec<Vec<String>> {
        let (rows, _) = read(text, separator).expect("rows");
        rows.into_iter().map(|(_, fields)| fields).collect()
    }

    fn message(text: &str, separator: u8) -> String {
        read(text, separator).expect_err("refused").to_string()
    }

    #[test]
    fn a_quote_that_does_not_close_is_refused_with_its_line() {
        let open = "a,b\n1,2\n3,\"4\n5,6\n";
        assert!(message(open, b',').contains("line 3: the quote"), "{}", message(open, b','));
        assert!(message(open, b',').contains("never closed"));
        // A second stray quote would close it: the rows between are not one field.
        let two = "a,b\nup,\"good\nup,fine\ndown,\"bad\n";
        assert!(message(two, b',').contains("line 2"), "{}", message(two, b','));
        assert!(message("a\n\"x\"y\n", b',').contains("closes before the field ends"));
        assert_eq!(
            fields("a,b\n\"1\"\"\",\"x\ny\"\r\n2\",3\n", b','),
            [["1\"", "x\ny"], ["2\"", "3"]]
        );
    }

    #[test]
    fn tabs_take_quotes_as_characters_unless_they_are_consistent() {
        let stray = "t\tl\n\"one\ta\ntwo\tb\n\"three\tc\n";
        assert_eq!(fields(stray, b'\t'), [["\"one", "a"], ["two", "b"], ["\"three", "c"]]);
        assert!(read(stray, b'\t').expect("rows").1.warnings[0].contains("line 2"));
        let glued = "t\tl\n\"one\ta\nb\"\tc\n";
        assert_eq!(fields(glued, b'\t'), [["\"one", "a"], ["b\"", "c"]]);
        let quoted = "t\tl\n\"one \"\"1\"\"\"\ta\n\"two\ttabs\"\tb\n";
        assert_eq!(fields(quoted, b'\t'), [["one \"1\"", "a"], ["two\ttabs", "b"]]);
        let lost = "t\tl\n\"one\ta\ntwo\n";
        assert!(message(lost, b'\t').contains("line 2"), "{}", message(lost, b'\t'));
    }

    #[test]
    fn blank_lines_are_counted_and_line_ends_are_any() {
        let (rows, account) = read("a,b\r\n\r\n1,2\r\n\r\n3,4\r\n", b',').expect("rows");
        assert_eq!((rows[0].0, rows[1].0), (3, 5));
        assert_eq!((account.read, account.rows_left_out()), (4, 2));
        assert_eq!(account.left_out[0].lines, [2, 4]);
        assert_eq!(fields("a,b\r1,2\r3,4\r", b','), [["1", "2"], ["3", "4"]]);
        assert!(message("a,b\n1\n", b',').contains("line 2: the row has 1 fields"));
        assert!(message("", b',').contains("empty"));
    }

    #[test]
    fn semicolons_part_fields_where_no_comma_stands_in_the_first_line() {
        let separator = |text: &str, format, no_header| {
            let source = ByteSource::of(Path::new("t"), text.as_bytes().to_vec()).expect("bytes");
            char::from(separator_of(&source, format, no_header))
        };
        for (text, no_header, wanted) in [
            ("a;b\n1,5;2\n", false, ';'),
            ("a;b,c\n1;2,3\n", false, ','),
            ("\"a,b\";c\n1;2\n", false, ';'),
            ("\"a;b\",c\n1,2\n", false, ','),
            ("text\none; two\n", false, ','),
            ("one; two\nthree\n", true, ','),
            ("one; two\n", true, ','),
            ("1;2\r\n3;4\r\n\r\n", true, ';'),
            ("", false, ','),
        ] {
            assert_eq!(separator(text, Format::Csv, no_header), wanted, "{text}");
        }
        assert_eq!(separator("a;b\n", Format::Tsv, false), '\t');
        assert_eq!(separator("a\tb,c\td\n", Format::Lines, false), '\t');
        assert_eq!(separator("a;b\n", Format::Lines, false), ';');
        assert_eq!(separator("a,b\n", Format::Lines, false), ',');
    }

    #[test]
    fn columns_are_found_by_one_name() {
        let source = ByteSource::of(Path::new("t"), b"a,b,a\n1,2,3\n".to_vec()).expect("bytes");
        let mut account = Account::new(source.path());
        let found = Separated::open(&source, b',', |_, _| Ok(true), &mut account).expect("rows");
        assert_eq!(found.column("b", "x").expect("b"), 1);
        let error = found.column("a", "x").expect_err("twice").to_string();
        assert!(error.contains("1 and 3 are both"), "{error}");
        assert!(found.check_names().is_err());
        let other = ByteSource::of(Path::new("t"), b"a|b\n1|2\n".to_vec()).expect("bytes");
        let bars = Separated::open(&other, b',', |_, _| Ok(true), &mut account).expect("rows");
        let error = bars.column("b", "x").expect_err("no separator").to_string();
        assert!(error.contains("a|b") && error.contains("commas"), "{error}");
        let error = found.column("c", "text_column").expect_err("none").to_string();
        assert!(error.contains("no_header") && error.contains("first line"), "{error}");
    }
}
