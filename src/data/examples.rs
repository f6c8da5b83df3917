//! Labelled and unlabelled texts from files: CSV, TSV, JSON lines, fastText's `__label__` lines.
//!
//! The format is told by the file's ending: `.csv`, `.tsv`, `.jsonl` or `.ndjson`; anything else
//! is lines, each with `__label__NAME` and its text.

use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// Texts with their labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// The texts.
    pub texts: Vec<String>,
    /// Their labels; empty when labels were not asked for.
    pub labels: Vec<String>,
    /// Where each text began in the file, from 1.
    pub lines: Vec<u64>,
}

/// Which columns (or JSON keys) hold what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextColumns {
    /// The text.
    pub text: String,
    /// The label; `None` to read texts alone.
    pub label: Option<String>,
}

impl Default for TextColumns {
    fn default() -> Self {
        TextColumns { text: "text".into(), label: Some("label".into()) }
    }
}

/// Reads texts, with labels where `columns` names them.
///
/// # Errors
/// [`Error::File`] when the file cannot be read; [`Error::Data`] names file and line of what is
/// wrong in it: no rows, a missing column or label, a broken UTF-8 byte.
pub fn read_examples(path: &Path, columns: &TextColumns) -> Result<Examples> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|e| Error::file("read", path, e))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let examples = match path.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => read_separated(path, bytes, b',', columns),
        Some("tsv") => read_separated(path, bytes, b'\t', columns),
        Some("jsonl" | "ndjson") => read_json_lines(path, bytes, columns),
        _ => read_labelled_lines(path, bytes, columns),
    }?;
    if examples.texts.is_empty() {
        return Err(Error::data(path, "the file has no rows; give one text a line"));
    }
    Ok(examples)
}

/// Reads one text a line.
///
/// # Errors
/// [`Error::Data`] names the line of a broken UTF-8 byte.
pub fn read_lines(path: &Path, bytes: &[u8]) -> Result<Vec<String>> {
    lines(bytes).map(|(line, text)| utf8(path, line, text).map(str::to_owned)).collect()
}

/// The lines of a file with their numbers, without line ends; an empty last line is none.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let all = (!bytes.is_empty()).then(|| bytes.split(|&byte| byte == b'\n'));
    all.into_iter()
        .flatten()
        .zip(1..)
        .map(|(text, line)| (line, text.strip_suffix(b"\r").unwrap_or(text)))
}

fn utf8<'b>(path: &Path, line: u64, bytes: &'b [u8]) -> Result<&'b str> {
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

fn read_separated(
    path: &Path,
    bytes: &[u8],
    separator: u8,
    columns: &TextColumns,
) -> Result<Examples> {
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(bytes);
    let headers = reader.byte_headers().map_err(|e| csv_error(path, bytes, &e))?.clone();
    let names: Vec<String> =
        headers.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
    if names.is_empty() {
        return Err(Error::data(path, "the file is empty; its first line names the columns"));
    }
    let find = |wanted: &str, setting: &str| {
        names.iter().position(|name| name == wanted).ok_or_else(|| {
            Error::line(
                path,
                1,
                format!(
                    "there is no column \"{wanted}\"; the columns are {}. Name the right one as {setting}",
                    names.join(", ")
                ),
            )
        })
    };
    let text = find(&columns.text, "text_column")?;
    let label = columns.label.as_ref().map(|name| find(name, "label_column")).transpose()?;
    let mut examples = Examples::default();
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|e| csv_error(path, bytes, &e))? {
        let line = line_of(bytes, record.position());
        let field = |i: usize| utf8(path, line, record.get(i).unwrap_or_default());
        examples.texts.push(field(text)?.to_owned());
        if let Some(label) = label {
            let label = field(label)?.trim();
            if label.is_empty() {
                return Err(Error::line(
                    path,
                    line,
                    "the label is empty; label the row or remove it",
                ));
            }
            examples.labels.push(label.to_owned());
        }
        examples.lines.push(line);
    }
    Ok(examples)
}

/// The line where a record's first field stands, from 1. The csv crate lets a record begin at the
/// line ends before it: at the "\n" of "\r\n", and at blank lines.
pub(super) fn line_of(bytes: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let rest = bytes.get(position.byte() as usize..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + ends.filter(|byte| **byte == b'\n').count() as u64
}

/// A sentence for what the csv crate says.
pub(super) fn csv_error(path: &Path, bytes: &[u8], error: &csv::Error) -> Error {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => Error::line(
            path,
            line_of(bytes, pos.as_ref()),
            format!(
                "the row has {len} fields, but the first line names {expected_len}; quote fields that hold the separator"
            ),
        ),
        _ => Error::data(path, error.to_string()),
    }
}

fn read_json_lines(path: &Path, bytes: &[u8], columns: &TextColumns) -> Result<Examples> {
    let mut examples = Examples::default();
    for (line, bytes) in lines(bytes) {
        let text = utf8(path, line, bytes)?;
        if text.trim().is_empty() {
            continue;
        }
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|e| Error::line(path, line, format!("this is no JSON object ({e})")))?;
        let field = |key: &str, setting: &str| match value.get(key) {
            Some(serde_json::Value::String(text)) => Ok(text.clone()),
            Some(serde_json::Value::Number(number)) => Ok(number.to_string()),
            Some(serde_json::Value::Bool(value)) => Ok(value.to_string()),
            Some(_) => Err(Error::line(path, line, format!("\"{key}\" is no text"))),
            None => Err(Error::line(
                path,
                line,
                format!("there is no key \"{key}\"; name the right one as {setting}"),
            )),
        };
        examples.texts.push(field(&columns.text, "text_column")?);
        if let Some(label) = &columns.label {
            examples.labels.push(field(label, "label_column")?);
        }
        examples.lines.push(line);
    }
    Ok(examples)
}

/// Whether words stand one space apart, so that splitting and joining them would change nothing.
fn has_single_spaces(text: &str) -> bool {
    let other = |c: char| c != ' ' && c.is_whitespace();
    let has_other = match text.is_ascii() {
        true => text.bytes().any(|byte| (9..=13).contains(&byte)),
        false => text.contains(other),
    };
    !has_other && !text.contains("  ")
}

fn read_labelled_lines(path: &Path, bytes: &[u8], columns: &TextColumns) -> Result<Examples> {
    const PREFIX: &str = "__label__";
    let mut examples = Examples::default();
    for (line, bytes) in lines(bytes) {
        let text = utf8(path, line, bytes)?;
        if text.trim().is_empty() {
            continue;
        }
        // The usual line: one label, then the text.
        if let Some(rest) = text.strip_prefix(PREFIX)
            && let Some((label, rest)) = rest.split_once(' ')
            && columns.label.is_some()
            && !label.contains(char::is_whitespace)
            && !rest.contains(PREFIX)
            && has_single_spaces(rest.trim())
        {
            examples.labels.push(label.to_owned());
            examples.texts.push(rest.trim().to_owned());
            examples.lines.push(line);
            continue;
        }
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let labels: Vec<&str> = words.iter().filter_map(|word| word.strip_prefix(PREFIX)).collect();
        if columns.label.is_some() {
            let [label] = labels[..] else {
                return Err(Error::line(
                    path,
                    line,
                    format!(
                        "the line has {} words that begin with {PREFIX}, but a text has one label; CSV files end in .csv, JSON lines in .jsonl",
                        labels.len()
                    ),
                ));
            };
            examples.labels.push(label.to_owned());
        }
        words.retain(|word| !word.starts_with(PREFIX));
        examples.texts.push(words.join(" "));
        examples.lines.push(line);
    }
    Ok(examples)
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
        assert_eq!((&lines.texts[0][..], &lines.labels[0][..]), ("really bad", "down"));
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
