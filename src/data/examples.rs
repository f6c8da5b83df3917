//! Labelled and unlabelled texts from files: CSV, TSV, JSON lines, fastText's `__label__` lines,
//! plain lines ([`Format`]). The same words and labels come out of each: labels are trimmed and never
//! empty, texts stay as they are.

use std::path::Path;

use super::account::{Account, lines_as_words};
use super::blocks::BlockFile;
use super::dataset::leave_out;
use super::format::Format;
use super::separated::{Separated, separator_of};
use super::source::ByteSource;
use crate::error::{Error, Result, did_you_mean};

/// Texts with their labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// The texts.
    pub texts: Vec<String>,
    /// Their labels; empty when labels were not asked for, and where a text may have several.
    pub labels: Vec<String>,
    /// The labels of each text, where it may have any number of them; else empty.
    pub label_sets: Vec<Vec<String>>,
    /// The weight of each text; empty when weights were not asked for.
    pub weights: Vec<f32>,
    /// Where each text began in the file, from 1.
    pub lines: Vec<u64>,
    /// What became of the file's rows.
    pub account: Account,
}

/// Which columns (or JSON keys) hold what, and how the file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextColumns {
    /// The text.
    pub text: String,
    /// The label; `None` to read texts alone.
    pub label: Option<String>,
    /// The column or key of a text's weight; `None` where all count the same.
    pub weight: Option<String>,
    /// The format; told from the file where it is not given.
    pub format: Option<Format>,
    /// Whether a CSV or TSV file has no line of names: columns are called 0, 1, 2.
    pub no_header: bool,
    /// Whether a text may have any number of labels, also where none has more than one. Files of which a row has
    /// several, and JSON lists, say so themselves.
    pub multi_label: bool,
    /// What stands between the labels of a row, in formats that have no list of their own. A text may then have any
    /// number of labels.
    pub label_separator: Option<String>,
    /// Whether a blank line is an empty text, as where every line gets an answer, rather than left
    /// out.
    pub keep_blank: bool,
}

impl TextColumns {
    /// Whether a text may have any number of labels, as far as is said.
    fn may_have_several(&self) -> bool {
        self.multi_label || self.label_separator.is_some()
    }

    /// The names that the first line of a file would hold.
    pub(crate) fn names(&self) -> Vec<&str> {
        std::iter::once(&self.text).chain(&self.label).map(String::as_str).collect()
    }

    /// The texts of a column, without labels.
    pub fn of_texts(text: &str) -> TextColumns {
        TextColumns { text: text.to_owned(), label: None, ..TextColumns::default() }
    }
}

impl Default for TextColumns {
    fn default() -> Self {
        TextColumns {
            text: "text".into(),
            label: Some("label".into()),
            weight: None,
            format: None,
            no_header: false,
            multi_label: false,
            label_separator: None,
            keep_blank: false,
        }
    }
}

/// Reads texts, with labels where `columns` names them. `-` is standard input.
///
/// # Errors
/// [`Error::File`] when the file cannot be read; [`Error::Data`] names file and line of what is
/// wrong in it: no rows, a missing column or label, a broken UTF-8 byte.
pub fn read_examples(path: &Path, columns: &TextColumns) -> Result<Examples> {
    read_examples_of(&ByteSource::read(path)?, columns)
}

/// Reads texts from a source.
///
/// # Errors
/// As [`read_examples`].
pub fn read_examples_of(source: &ByteSource, columns: &TextColumns) -> Result<Examples> {
    let mut examples =
        read_block(source, Format::of(source, columns.format, &columns.names())?, columns)?;
    if examples.texts.is_empty() {
        return Err(Error::data(source.path(), "the file has no rows; give one text a line"));
    }
    examples.account.source = Account::new(source.path()).source;
    examples.finish_labels(source, columns)?;
    Ok(examples)
}

/// Reads the texts of a source that may have none: a block of a file.
///
/// # Errors
/// As [`read_examples`], but for a file without rows.
pub fn read_block(source: &ByteSource, format: Format, columns: &TextColumns) -> Result<Examples> {
    match format {
        Format::Csv | Format::Tsv => {
            read_separated(source, separator_of(source, format, columns.no_header), columns)
        }
        Format::Jsonl => read_json(source, columns),
        Format::Labels | Format::Lines => read_labelled_lines(source, columns),
    }
}

/// Reads the texts of a file that may be larger than memory: about `block` bytes at a time, each block's as [`read_examples`]
/// gives them, but that texts of several labels are not looked for over the whole file. Packed files are unpacked; pipes,
/// JSON arrays and UTF-16 are refused.
///
/// # Errors
/// As [`read_examples`], but for a file without rows; those of `each`.
pub fn read_examples_in_blocks(
    path: &Path,
    columns: &TextColumns,
    block: usize,
    mut each: impl FnMut(Examples) -> Result<()>,
) -> Result<()> {
    let file = BlockFile::of_texts(path, columns, block)?;
    for block in file.blocks()? {
        each(read_block(&block?, file.format, columns)?)?;
    }
    Ok(())
}

/// Reads one text a line.
///
/// # Errors
/// [`Error::Data`] names the line of a broken UTF-8 byte.
pub fn read_lines(path: &Path, bytes: &[u8]) -> Result<Vec<String>> {
    lines(bytes, 0).map(|(line, text)| utf8(path, line, text).map(str::to_owned)).collect()
}

/// What ends the lines of a file, or of its block behind `before` lines.
pub(super) fn line_end(bytes: &[u8], before: u64) -> u8 {
    if before > 0 || bytes.contains(&b'\n') { b'\n' } else { b'\r' }
}

/// The lines of a file with their numbers, without line ends; an empty last line is none. Where no
/// line ends with "\n", a lone "\r" ends one, as on old Macs. There are `before` lines before them.
fn lines(bytes: &[u8], before: u64) -> impl Iterator<Item = (u64, &[u8])> {
    let end = line_end(bytes, before);
    // A block behind others may be a blank line alone.
    let is_line = before > 0 && !bytes.is_empty();
    let bytes = bytes.strip_suffix(&[end]).unwrap_or(bytes);
    let all = (is_line || !bytes.is_empty()).then(|| bytes.split(move |&byte| byte == end));
    all.into_iter()
        .flatten()
        .zip(before + 1..)
        .map(|(text, line)| (line, text.strip_suffix(b"\r").unwrap_or(text)))
}

/// A row's weight: a number from 0 on.
pub(super) fn weight_of(path: &Path, line: u64, field: &str) -> Result<f32> {
    let weight = field.trim().parse().ok().filter(|weight: &f32| weight.is_finite());
    weight.filter(|&weight| weight >= 0.0).ok_or_else(|| {
        Error::line(path, line, format!("the weight \"{field}\" is no number from 0 on"))
    })
}

/// The text of a line or field, from a file of which line `line` is read.
pub(super) fn utf8<'b>(path: &Path, line: u64, bytes: &'b [u8]) -> Result<&'b str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Error::line(
            path,
            line,
            format!(
                "the byte 0x{:02x} (byte {} of the text) is not UTF-8; convert the file, for example with iconv -t UTF-8",
                bytes[at],
                at + 1
            ),
        )
    })
}

/// The labels of a row, as a format gives them.
enum RowLabels<'l> {
    /// None are asked for.
    NotAsked,
    /// A field, which holds one label, or several with separators between.
    Field(&'l str),
    /// A list.
    List(Vec<&'l str>),
}

impl Examples {
    /// Leaves out the texts that are marked.
    pub(crate) fn leave_out(&mut self, marked: &[bool]) {
        leave_out(&mut self.texts, 1, marked);
        leave_out(&mut self.labels, 1, marked);
        leave_out(&mut self.label_sets, 1, marked);
        leave_out(&mut self.weights, 1, marked);
        leave_out(&mut self.lines, 1, marked);
    }

    fn push(
        &mut self,
        source: &ByteSource,
        line: u64,
        text: String,
        labels: RowLabels<'_>,
        columns: &TextColumns,
    ) -> Result<()> {
        let labels = match (labels, &columns.label_separator) {
            (RowLabels::NotAsked, _) => None,
            (RowLabels::Field(field), Some(separator)) => {
                Some(field.split(&separator[..]).collect())
            }
            (RowLabels::Field(field), None) if columns.multi_label && field.trim().is_empty() => {
                Some(Vec::new())
            }
            (RowLabels::Field(field), None) => Some(vec![field]),
            (RowLabels::List(labels), _) => Some(labels),
        };
        if let Some(mut labels) = labels {
            labels.iter_mut().for_each(|label| *label = label.trim());
            if columns.label_separator.is_some() {
                labels.retain(|label| !label.is_empty());
            } else if labels.iter().any(|label| label.is_empty()) {
                return Err(Error::line(
                    source.path(),
                    line,
                    "the label is empty; label the row or remove it",
                ));
            }
            match &labels[..] {
                // As long as each has one.
                [label] if self.label_sets.is_empty() && !columns.may_have_several() => {
                    self.labels.push((*label).to_owned());
                }
                labels => {
                    let one_each = self.labels.drain(..).map(|label| vec![label]);
                    self.label_sets.extend(one_each);
                    let mut set: Vec<String> = Vec::with_capacity(labels.len());
                    for label in labels {
                        if !set.iter().any(|known| known == label) {
                            set.push((*label).to_owned());
                        }
                    }
                    self.label_sets.push(set);
                }
            }
        }
        self.texts.push(text);
        self.lines.push(line);
        Ok(())
    }

    /// Each text in the part that is named for it, from 0; the account is of all, and in the first.
    pub(crate) fn part<const PARTS: usize>(self, places: Vec<usize>) -> [Examples; PARTS] {
        let mut parts = std::array::from_fn(|_| Examples::default());
        let mut labels = self.labels.into_iter();
        let mut sets = self.label_sets.into_iter();
        let mut weights = self.weights.into_iter();
        for ((text, line), at) in self.texts.into_iter().zip(self.lines).zip(places) {
            let part: &mut Examples = &mut parts[at];
            part.texts.push(text);
            part.lines.push(line);
            part.labels.extend(labels.next());
            part.label_sets.extend(sets.next());
            part.weights.extend(weights.next());
        }
        if let Some(first) = parts.first_mut() {
            first.account = self.account;
        }
        parts
    }

    /// Says that texts have several labels, where nobody said so before; without such a text, one that has none is
    /// refused.
    pub(crate) fn finish_labels(
        &mut self,
        source: &ByteSource,
        columns: &TextColumns,
    ) -> Result<()> {
        if self.label_sets.is_empty() || columns.may_have_several() {
            return Ok(());
        }
        let lines_of = |is: fn(usize) -> bool| -> Vec<u64> {
            let sets = self.label_sets.iter().zip(&self.lines);
            sets.filter(|(set, _)| is(set.len())).map(|(_, &line)| line).collect()
        };
        let several = lines_of(|labels| labels > 1);
        if let (true, [line, ..]) = (several.is_empty(), &lines_of(|labels| labels == 0)[..]) {
            return Err(Error::line(
                source.path(),
                *line,
                format!(
                    "the row has no label (a word that begins with {PREFIX}, or an element of its list); label the row or remove it, or say that texts may have several labels, or none (multi_label). CSV files end in .csv, JSON lines in .jsonl, or say what it is with the setting format"
                ),
            ));
        }
        let have = if several.len() == 1 {
            "1 row has".into()
        } else {
            format!("{} rows have", several.len())
        };
        self.account.warn(format!(
            "{have} several labels ({}): each label is learned by itself, and a text may have any number of them",
            lines_as_words(&several, several.len())
        ));
        Ok(())
    }
}

/// What a label begins with in fastText's lines.
const PREFIX: &str = "__label__";

fn read_separated(source: &ByteSource, separator: u8, columns: &TextColumns) -> Result<Examples> {
    let path = source.path();
    let mut examples = Examples::default();
    let is_header = |_: &[String], _: &mut Account| Ok(!columns.no_header);
    let mut file = Separated::open(source, separator, is_header, &mut examples.account)?;
    let text = file.column(&columns.text, "text_column")?;
    let label = columns.label.as_ref().map(|name| file.column(name, "label_column")).transpose()?;
    let weight =
        columns.weight.as_ref().map(|name| file.column(name, "weight_column")).transpose()?;
    while let Some((line, fields)) = file.next_row()? {
        let field = |i: usize| utf8(path, line, fields.get(i).unwrap_or_default());
        if let Some(weight) = weight {
            examples.weights.push(weight_of(path, line, field(weight)?)?);
        }
        let labels = label.map(field).transpose()?.map_or(RowLabels::NotAsked, RowLabels::Field);
        examples.push(source, line, field(text)?.to_owned(), labels, columns)?;
    }
    file.close(&mut examples.account);
    Ok(examples)
}

/// From here on a number in double precision stands for several whole ones: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// JSON objects, one a line or in one array, whose elements are counted as lines.
fn read_json(source: &ByteSource, columns: &TextColumns) -> Result<Examples> {
    let path = source.path();
    let mut examples = Examples::default();
    let mut push = |line: u64, value: &serde_json::Value| {
        let as_text = |key: &str, value: &serde_json::Value| match value {
            serde_json::Value::String(text) => Ok(text.clone()),
            // Beyond 2^53 a number of another kind has lost digits: two labels could become one.
            serde_json::Value::Number(number)
                if number.is_f64() && number.as_f64().is_none_or(|value| value.abs() >= EXACT) =>
            {
                Err(Error::line(
                    path,
                    line,
                    format!(
                        "\"{key}\" is a number of more digits than are kept ({number}); write it in quotes"
                    ),
                ))
            }
            serde_json::Value::Number(number) => Ok(number.to_string()),
            serde_json::Value::Bool(value) => Ok(value.to_string()),
            _ => Err(Error::line(path, line, format!("\"{key}\" is no text"))),
        };
        let field = |key: &str, setting: &str| match value.get(key) {
            Some(value) => as_text(key, value),
            None if !value.is_object() => Err(Error::line(path, line, "this is no JSON object")),
            None => Err(Error::line(
                path,
                line,
                format!(
                    "there is no key \"{key}\"{}; name the right one as {setting}",
                    did_you_mean(
                        key,
                        value.as_object().into_iter().flat_map(|o| o.keys()).map(String::as_str)
                    )
                ),
            )),
        };
        let text = field(&columns.text, "text_column")?;
        let label = columns.label.as_deref().map(|label| match value.get(label) {
            // The usual name of a list.
            None if label == "label" && value.get("labels").is_some() => "labels",
            _ => label,
        });
        examples.account.read += 1;
        if let Some(key) = &columns.weight {
            examples.weights.push(weight_of(path, line, &field(key, "weight_column")?)?);
        }
        let Some(key) = label else {
            return examples.push(source, line, text, RowLabels::NotAsked, columns);
        };
        if let Some(serde_json::Value::Array(labels)) = value.get(key) {
            let labels: Vec<String> =
                labels.iter().map(|label| as_text(key, label)).collect::<Result<_>>()?;
            let list = RowLabels::List(labels.iter().map(String::as_str).collect());
            return examples.push(source, line, text, list, columns);
        }
        let label = field(key, "label_column")?;
        examples.push(source, line, text, RowLabels::Field(&label), columns)
    };
    if source.bytes.trim_ascii_start().starts_with(b"[") {
        let values: Vec<NoTwins> = serde_json::from_slice(&source.bytes)
            .map_err(|e| Error::data(path, format!("this is no JSON array of objects ({e})")))?;
        values.iter().zip(1..).try_for_each(|(value, line)| push(line, &value.0))?;
        return Ok(examples);
    }
    let mut blank = Vec::new();
    for (line, bytes) in lines(&source.bytes, source.before.lines) {
        let text = utf8(path, line, bytes)?;
        if text.trim().is_empty() {
            blank.push(line);
            continue;
        }
        let value = serde_json::from_str::<NoTwins>(text)
            .map_err(|e| Error::line(path, line, format!("this is no JSON object ({e})")))?;
        push(line, &value.0)?;
    }
    blank.into_iter().for_each(|line| examples.account.leave_out("blank line", line));
    Ok(examples)
}

fn read_labelled_lines(source: &ByteSource, columns: &TextColumns) -> Result<Examples> {
    let path = source.path();
    let mut examples = Examples::default();
    if let Some(weight) = &columns.weight {
        return Err(Error::data(
            path,
            format!(
                "weight_column is {weight}, but lines of text have no columns; save the texts as CSV or JSON"
            ),
        ));
    }
    for (line, bytes) in lines(&source.bytes, source.before.lines) {
        let text = utf8(path, line, bytes)?;
        if text.trim().is_empty() {
            match columns.keep_blank && columns.label.is_none() {
                true => {
                    examples.account.read += 1;
                    examples.push(source, line, String::new(), RowLabels::NotAsked, columns)?;
                }
                false => examples.account.leave_out("blank line", line),
            }
            continue;
        }
        examples.account.read += 1;
        // A label is a word; the words that are none make the text, as they are.
        let words = text.split_whitespace();
        let labels: Vec<&str> = words.filter_map(|word| word.strip_prefix(PREFIX)).collect();
        let rest = match text.trim_start().strip_prefix(PREFIX) {
            _ if labels.is_empty() => text.trim().to_owned(),
            // The usual line: one label, then the text.
            Some(rest) if labels.len() == 1 => {
                rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim()).to_owned()
            }
            _ => {
                let is_text = |word: &&str| !word.trim_start().starts_with(PREFIX);
                let parts = text.split_inclusive(char::is_whitespace).filter(is_text);
                parts.collect::<String>().trim().to_owned()
            }
        };
        let labels = match columns.label {
            None => RowLabels::NotAsked,
            Some(_) => RowLabels::List(labels),
        };
        examples.push(source, line, rest, labels, columns)?;
    }
    Ok(examples)
}

/// A JSON value in which no object has one key twice: of two, the last would stand without a word.
struct NoTwins(serde_json::Value);

impl<'de> serde::Deserialize<'de> for NoTwins {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        struct Object;
        impl<'de> serde::de::Visitor<'de> for Object {
            type Value = NoTwins;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<NoTwins, A::Error> {
                let mut object = serde_json::Map::new();
                while let Some(key) = map.next_key::<String>()? {
                    let value = map.next_value()?;
                    if object.contains_key(&key) {
                        let message = format!("the key \"{key}\" is there twice");
                        return Err(serde::de::Error::custom(message));
                    }
                    object.insert(key, value);
                }
                Ok(NoTwins(object.into()))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8]) -> Result<Examples> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        read_examples(&path, &TextColumns::default())
    }

    #[test]
    fn every_format_gives_the_same_examples() {
        let csv = read("a.csv", b"label,text\nup,\"good, really\nso\"\ndown,bad\n").expect("csv");
        assert_eq!(csv.labels, ["up", "down"]);
        assert_eq!(csv.texts, ["good, really\nso", "bad"]);
        assert_eq!(csv.lines, [2, 4]);
        let tsv = read("a.tsv", b"text\tlabel\r\nbad\tdown\r\n").expect("tsv");
        assert_eq!((&tsv.texts[0][..], &tsv.labels[0][..]), ("bad", "down"));
        let json = read("a.jsonl", b"{\"label\": 1, \"text\": \"bad\"}\n\n").expect("jsonl");
        assert_eq!((&json.texts[0][..], &json.labels[0][..]), ("bad", "1"));
        let lines = read("a.txt", b"__label__down really  bad\n").expect("lines");
        assert_eq!((&lines.texts[0][..], &lines.labels[0][..]), ("really  bad", "down"));
    }

    #[test]
    fn blank_lines_are_left_out_and_counted_or_kept() {
        let csv = read("a.csv", b"text,label\n\nok,up\n\n").expect("csv");
        assert_eq!((csv.account.read, csv.account.rows_left_out()), (3, 2));
        let jsonl = b"{\"text\": \"a\", \"label\": \"b\"}\n\n";
        assert_eq!(read("a.jsonl", jsonl).expect("jsonl").account.rows_left_out(), 1);
        let lines = read("a.txt", b"\n__label__a b\n  \n").expect("lines");
        assert_eq!((lines.account.read, lines.account.left_out[0].lines.clone()), (3, vec![1, 3]));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.txt");
        std::fs::write(&path, "one\n\nthree\n").expect("written");
        let columns = TextColumns { label: None, keep_blank: true, ..TextColumns::default() };
        assert_eq!(read_examples(&path, &columns).expect("lines").texts, ["one", "", "three"]);
        let columns = TextColumns { label: None, ..TextColumns::default() };
        assert_eq!(read_examples(&path, &columns).expect("lines").texts, ["one", "three"]);
    }

    #[test]
    fn labels_are_the_same_whatever_the_format() {
        for (name, bytes) in [
            ("a.csv", &b"text,label\nx, up \n"[..]),
            ("a.tsv", b"text\tlabel\nx\t up\n"),
            ("a.jsonl", b"{\"text\": \"x\", \"label\": \" up\"}\n"),
            ("a.json", b"[{\"text\": \"x\", \"label\": \"up \"}]"),
            ("a.txt", b"__label__up\tx\n"),
            ("b.txt", b"x __label__up\r\n"),
        ] {
            let examples = read(name, bytes).expect(name);
            assert_eq!((&examples.texts[0][..], &examples.labels[0][..]), ("x", "up"), "{name}");
            assert_eq!(examples.account.read, 1, "{name}");
        }
        for (name, bytes) in [
            ("a.csv", &b"text,label\nx, \n"[..]),
            ("a.jsonl", b"{\"text\": \"x\", \"label\": \"\"}\n"),
            ("a.txt", b"__label__ x\n"),
        ] {
            let error = read(name, bytes).expect_err(name).to_string();
            assert!(error.contains("label is empty"), "{name}: {error}");
        }
        let twice = read("a.jsonl", b"{\"text\": \"x\", \"text\": \"y\", \"label\": 1}\n");
        assert!(twice.expect_err("twice").to_string().contains("twice"));
    }

    #[test]
    fn a_text_may_have_several_labels_or_none() {
        let sets = [vec!["a", "b"], vec![], vec!["b"]];
        let lines = read("a.txt", b"__label__a __label__b x\ny\n__label__b z\n").expect("lines");
        assert_eq!(lines.label_sets, sets);
        assert_eq!(
            (&lines.texts[..], lines.labels.len()),
            (&["x", "y", "z"].map(String::from)[..], 0)
        );
        assert!(lines.account.warnings[0].contains("1 row has several labels (line 1)"));
        let list = br#"[{"text": "x", "labels": ["a", "b", "a"]}, {"text": "y", "labels": []},
            {"text": "z", "label": "b"}]"#;
        assert_eq!(read("a.json", list).expect("a list").label_sets, sets);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "text,label\nx,a; b;\ny,\nz,b\n").expect("written");
        let columns = TextColumns { label_separator: Some(";".into()), ..TextColumns::default() };
        let csv = read_examples(&path, &columns).expect("csv");
        assert_eq!(
            (csv.label_sets, csv.account.warnings.len()),
            (sets.map(|set| set.into_iter().map(String::from).collect()).to_vec(), 0)
        );
        // One label each is a classifier's file, unless it is said.
        let one = b"__label__a x\n__label__b y\n";
        assert_eq!(read("b.txt", one).expect("lines").labels, ["a", "b"]);
        let path = folder.path().join("b.txt");
        std::fs::write(&path, one).expect("written");
        let columns = TextColumns { multi_label: true, ..TextColumns::default() };
        assert_eq!(read_examples(&path, &columns).expect("lines").label_sets, [["a"], ["b"]]);
        let error = read("c.txt", b"__label__a x\ny\n").expect_err("no label").to_string();
        assert!(error.contains("line 2") && error.contains("no label"), "{error}");
    }

    #[test]
    fn a_file_without_a_header_is_read_by_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("n.csv");
        std::fs::write(&path, "pos,good film\nneg,bad film\n").expect("written");
        let columns = TextColumns {
            text: "1".into(),
            label: Some("0".into()),
            no_header: true,
            ..TextColumns::default()
        };
        assert_eq!(read_examples(&path, &columns).expect("rows").labels, ["pos", "neg"]);
        let error = read_examples(&path, &TextColumns::default()).expect_err("names").to_string();
        assert!(error.contains("first line") && error.contains("no_header"), "{error}");
    }

    #[test]
    fn errors_name_the_line() {
        let message = |name: &str, bytes: &[u8]| read(name, bytes).expect_err("wrong").to_string();
        assert!(message("a.csv", b"text,label\nok,up\nb\xffd,up\n").contains("line 3"));
        assert!(message("a.csv", b"text,tag\nok,up\n").contains("label_column"));
        assert!(message("a.csv", b"text,label\nok\n").contains("line 2"));
        // Windows' line ends, and a blank line, count as lines.
        let csv = b"text,label\r\n\r\nok,up\r\nb\xffd,up\r\n";
        assert!(message("a.csv", csv).contains("line 4"), "{}", message("a.csv", csv));
        assert!(message("a.csv", b"text,label\r\nok\r\n").contains("line 2"));
        assert!(message("a.csv", b"text,label\n").contains("no rows"));
        assert!(message("a.csv", b"").contains("empty"));
        assert!(message("a.txt", b"no label here\n").contains("line 1"));
        assert!(message("a.jsonl", b"{\"text\": \"a\", \"label\": \"b\"}\n{\n").contains("line 2"));
    }
}
