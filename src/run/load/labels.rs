//! Labels to class numbers. Two spellings of one number (1 and 1.0) are one label.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::Task;
use crate::data::{Account, NAMED, lines_as_words, numbers_as_words};
use crate::error::{Error, Result, did_you_mean};
use crate::run::config::DataConfig;

/// Where rows lie in their file, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Places<'a> {
    /// Lines of a file, from 1.
    Lines(&'a [u64]),
    /// Rows of an array, from 1.
    Rows,
    /// Files.
    Files(&'a [String]),
}

impl Places<'_> {
    /// What is wrong with a row, from 0.
    fn error(self, path: &Path, row: usize, message: String) -> Error {
        match self {
            Places::Lines(lines) => {
                Error::line(path, lines.get(row).copied().unwrap_or_default(), message)
            }
            Places::Rows => {
                let place = format!("{}, row {}", path.display(), row + 1);
                Error::Data { place, message }
            }
            Places::Files(names) => match names.get(row) {
                Some(name) => Error::data(path.join(name), message),
                None => Error::data(path, message),
            },
        }
    }

    /// The first few of some rows as words.
    fn words(self, rows: &[usize]) -> String {
        let numbers = |number: &dyn Fn(usize) -> u64| -> Vec<u64> {
            rows.iter().map(|&row| number(row)).collect()
        };
        match self {
            Places::Lines(lines) => {
                let number = |row: usize| lines.get(row).copied().unwrap_or_default();
                lines_as_words(&numbers(&number), rows.len())
            }
            Places::Rows => {
                let word = if rows.len() == 1 { "row" } else { "rows" };
                let number = |row: usize| row as u64 + 1;
                format!("{word} {}", numbers_as_words(&numbers(&number), rows.len()))
            }
            Places::Files(names) => {
                let found = rows.iter().filter_map(|&row| names.get(row)).take(NAMED);
                let shown: Vec<&str> = found.map(String::as_str).collect();
                let others = if rows.len() > shown.len() { " and others" } else { "" };
                format!("{}{others}", shown.join(", "))
            }
        }
    }
}

/// What two spellings of one label have in common: a number without the zeros behind its point, and without a plus.
fn key(label: &str) -> &str {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = |text: &str| match text.split_once('.') {
        Some((whole, fraction)) => is_digits(whole) && (fraction.is_empty() || is_digits(fraction)),
        None => is_digits(text),
    };
    let unsigned = label.strip_prefix('+').filter(|rest| is_number(rest));
    let label = unsigned.unwrap_or(label);
    let digits = label.strip_prefix('-').unwrap_or(label);
    let key = match digits.contains('.') && is_number(digits) {
        true => label.trim_end_matches('0').trim_end_matches('.'),
        false => label,
    };
    // Nothing is less than nothing.
    if key == "-0" { "0" } else { key }
}

/// Warns of labels that a person would take for one: they differ in case, in white space within, or in characters that are
/// not seen.
fn warn_of_twins(labels: &[String], account: &mut Account) {
    // Joiners, marks of direction and of byte order, soft hyphens.
    let is_unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
    };
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for label in labels {
        let seen: String = label.chars().filter(|&c| !is_unseen(c)).collect();
        let words: Vec<String> = seen.split_whitespace().map(str::to_lowercase).collect();
        alike.entry(words.join(" ")).or_default().push(label);
    }
    let mut twins = alike.into_values().filter(|labels| labels.len() > 1);
    if let Some(first) = twins.next() {
        let shown: Vec<String> = first.iter().map(|label| format!("{label:?}")).collect();
        let others = match twins.count() {
            0 => String::new(),
            1 => ", as does another group of labels".into(),
            count => format!(", as do {count} other groups of labels"),
        };
        account.warn(format!(
            "the labels {} differ in case, white space or characters that are not seen alone{others}, and are {} classes; write them alike if they are one",
            shown.join(" and "),
            first.len()
        ));
    }
}

/// Labels in order: by number where all are numbers, else by letters.
pub(super) fn sorted_labels<'l>(labels: impl Iterator<Item = &'l str>) -> Vec<String> {
    let mut labels: Vec<&str> = labels.collect();
    labels.sort_unstable();
    labels.dedup();
    let numbers: Option<Vec<f64>> = labels.iter().map(|label| label.parse().ok()).collect();
    if numbers.is_some() {
        let value = |label: &str| label.parse::<f64>().unwrap_or_default();
        labels.sort_by(|a, b| value(a).total_cmp(&value(b)));
    }
    labels.into_iter().map(str::to_owned).collect()
}

/// The labels of rows that have one each, as they are found.
#[derive(Debug, Default)]
struct Seen {
    /// By key, the number of each.
    numbers: HashMap<String, usize>,
    found: Vec<Found>,
}

/// A label that was found.
#[derive(Debug)]
struct Found {
    /// Its shortest spelling.
    spelling: String,
    rows: usize,
    /// The first row that has it.
    first: usize,
}

impl Seen {
    /// Counts the label of a row, and returns its number by first appearance.
    pub fn add(&mut self, label: &str, row: usize) -> usize {
        let key = key(label);
        let number = match self.numbers.get(key) {
            Some(&number) => number,
            None => {
                self.numbers.insert(key.to_owned(), self.found.len());
                self.found.push(Found { spelling: label.to_owned(), rows: 0, first: row });
                self.found.len() - 1
            }
        };
        let found = &mut self.found[number];
        found.rows += 1;
        if label.len() < found.spelling.len() {
            label.clone_into(&mut found.spelling);
        }
        number
    }

    /// The classes, checked: at least two, and none in one row only. A model that is trained on keeps the classes that it
    /// has, `known`.
    pub fn classes(
        &self,
        path: &Path,
        places: Places<'_>,
        data: &DataConfig,
        known: Option<&[String]>,
        account: &mut Account,
    ) -> Result<Vec<String>> {
        if self.found.len() < 2 {
            return Err(Error::data(
                path,
                format!(
                    "every row has the label \"{}\"; a classifier needs rows of at least two labels",
                    self.found.first().map_or("", |found| &found.spelling)
                ),
            ));
        }
        let mut singles: Vec<_> = self.found.iter().filter(|found| found.rows == 1).collect();
        singles.sort_by(|a, b| key(&a.spelling).cmp(key(&b.spelling)));
        if let [Found { spelling, first, .. }, rest @ ..] = &singles[..]
            && !data.allow_single_labels
        {
            let others = match rest.len() {
                0 => String::new(),
                _ => {
                    let rows: Vec<usize> = rest.iter().map(|found| found.first).collect();
                    format!(", as do {} others ({})", rest.len(), places.words(&rows))
                }
            };
            return Err(places.error(
                path,
                *first,
                format!(
                    "the label \"{spelling}\" appears only once{others}; correct it, remove the row, or set allow_single_labels"
                ),
            ));
        }
        let labels = match known {
            Some(known) => known.to_vec(),
            None => sorted_labels(self.found.iter().map(|found| &found.spelling[..])),
        };
        warn_of_twins(&labels, account);
        Ok(labels)
    }
}

/// The labels of rows that are read block by block.
#[derive(Debug, Default)]
pub(super) struct SeenRows {
    seen: Seen,
    /// For each row, the number of its label.
    numbers: Vec<u32>,
    /// For each label, the line of the first row that has it.
    first_lines: Vec<u64>,
}

impl SeenRows {
    /// Takes the labels of rows that begin in these lines.
    pub fn add(&mut self, labels: &[String], lines: &[u64]) {
        for (label, &line) in labels.iter().zip(lines) {
            let number = self.seen.add(label, self.first_lines.len());
            if number == self.first_lines.len() {
                self.first_lines.push(line);
            }
            self.numbers.push(number as u32);
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.numbers.len()
    }

    /// The classes, as [`Seen::classes`] has them, and the number of each row's.
    pub fn finish(
        self,
        path: &Path,
        data: &DataConfig,
        known: Option<&[String]>,
        account: &mut Account,
    ) -> Result<(Vec<String>, Vec<f32>)> {
        let places = Places::Lines(&self.first_lines);
        let labels = self.seen.classes(path, places, data, known, account)?;
        let spellings: Vec<String> =
            self.seen.found.iter().map(|found| found.spelling.clone()).collect();
        let classes = class_targets(path, &spellings, places, &labels)?;
        Ok((labels, self.numbers.into_iter().map(|number| classes[number as usize]).collect()))
    }
}

/// The classes of a file's labels, checked as [`Seen::classes`] does.
pub(super) fn classes(
    path: &Path,
    labels: &[String],
    places: Places<'_>,
    data: &DataConfig,
    known: Option<&[String]>,
    account: &mut Account,
) -> Result<Vec<String>> {
    let mut seen = Seen::default();
    labels.iter().enumerate().for_each(|(row, label)| {
        seen.add(label, row);
    });
    seen.classes(path, places, data, known, account)
}

/// The class that a label is, in any spelling of its number.
pub(super) fn number_of(label: &str, labels: &[String]) -> Option<usize> {
    labels.iter().position(|known| key(known) == key(label))
}

/// Class numbers of labels.
pub(super) fn class_targets(
    path: &Path,
    labels: &[String],
    places: Places<'_>,
    known: &[String],
) -> Result<Vec<f32>> {
    let numbers: HashMap<&str, f32> =
        known.iter().enumerate().map(|(class, label)| (key(label), class as f32)).collect();
    let number = |(row, label): (usize, &String)| {
        let number = numbers.get(&key(label)).copied();
        number.ok_or_else(|| places.error(path, row, not_known(label, known)))
    };
    labels.iter().enumerate().map(number).collect()
}

fn not_known(label: &str, known: &[String]) -> String {
    const SHOWN: usize = 20;
    let others = match known.len() {
        0..=SHOWN => String::new(),
        many => format!(" and {} more", many - SHOWN),
    };
    let shown = known[..known.len().min(SHOWN)].join(", ");
    format!(
        "the label \"{label}\" is none of the model's: {shown}{others}{}",
        did_you_mean(label, known.iter().map(String::as_str))
    )
}

/// Marks the rows of a file, to evaluate a model by, whose label it does not know, and counts them as left out.
///
/// # Errors
/// That there are such rows, unless they are to be left out; and that there are no others.
pub(super) fn unknown_labels(
    path: &Path,
    labels: &[String],
    lines: &[u64],
    known: &[String],
    leave_out: bool,
    account: &mut Account,
) -> Result<Vec<bool>> {
    let keys: HashSet<&str> = known.iter().map(|label| key(label)).collect();
    let marks: Vec<bool> = labels.iter().map(|label| !keys.contains(&key(label))).collect();
    let rows: Vec<usize> = (0..marks.len()).filter(|&row| marks[row]).collect();
    if let Some(&first) = rows.first().filter(|_| !leave_out || rows.len() == labels.len()) {
        let (count, all) = (rows.len(), labels.len());
        let message = not_known(&labels[first], known);
        let way_out = match leave_out {
            true => "no row has a label that it knows",
            false => "correct them, or set skip_unknown to leave such rows out",
        };
        let message = format!("{message}; {count} of {all} rows have such labels: {way_out}");
        return Err(Places::Lines(lines).error(path, first, message));
    }
    for row in rows {
        account.without("a label that the model does not know", lines[row]);
    }
    Ok(marks)
}

/// The labels of a file whose texts may have any number of them.
pub(super) fn set_labels(
    path: &Path,
    sets: &[Vec<String>],
    account: &mut Account,
) -> Result<Vec<String>> {
    // By key: the shortest spelling, rows.
    let mut seen: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for label in sets.iter().flatten() {
        let (spelling, rows) = seen.entry(key(label)).or_insert((label, 0));
        *rows += 1;
        if label.len() < spelling.len() {
            *spelling = label;
        }
    }
    if seen.values().all(|(_, rows)| *rows == sets.len()) {
        return Err(Error::data(
            path,
            match seen.len() {
                0 => "no row has a label, so there is nothing to learn".to_owned(),
                _ => "every row has every label, so there is nothing to learn".to_owned(),
            },
        ));
    }
    let cells = sets.len().saturating_mul(seen.len());
    if cells > MOST_CELLS {
        return Err(Error::data(
            path,
            format!(
                "{} rows with {} labels make {cells} answers to learn from, but at most {MOST_CELLS} are held; leave rare labels out",
                sets.len(),
                seen.len()
            ),
        ));
    }
    let single = seen.values().filter(|(_, rows)| *rows == 1).count();
    if single > 0 {
        let appear = if single == 1 { "label appears" } else { "labels appear" };
        account.warn(format!("{single} of {} {appear} in one row only", seen.len()));
    }
    let labels = sorted_labels(seen.values().map(|(spelling, _)| *spelling));
    warn_of_twins(&labels, account);
    Ok(labels)
}

/// Rows times labels at most: each is a number of four bytes.
const MOST_CELLS: usize = 1 << 30;

/// For each row and label whether the row has it, 1 or 0: `[rows, labels]`. Labels that are none of the model's are left
/// out, which the account says.
pub(super) fn set_targets(
    sets: &[Vec<String>],
    lines: &[u64],
    known: &[String],
    account: &mut Account,
) -> Vec<f32> {
    let numbers: HashMap<&str, usize> =
        known.iter().enumerate().map(|(i, label)| (key(label), i)).collect();
    let mut targets = vec![0.0; sets.len() * known.len()];
    let (mut unknown, mut first) = (Vec::new(), None);
    for (row, (set, &line)) in sets.iter().zip(lines).enumerate() {
        for label in set {
            match numbers.get(&key(label)) {
                Some(&at) => targets[row * known.len() + at] = 1.0,
                None => {
                    first.get_or_insert(label);
                    unknown.push(line);
                }
            }
        }
    }
    if let Some(label) = first {
        let are = if unknown.len() == 1 { "1 label is none" } else { "labels are none" };
        let count = if unknown.len() == 1 { String::new() } else { format!("{} ", unknown.len()) };
        account.warn(format!(
            "{count}{are} of the model's ({}; the first is \"{label}\"): they are left out, the rows stay",
            lines_as_words(&unknown, unknown.len())
        ));
    }
    targets
}

pub(super) fn class_task(labels: &[String]) -> Task {
    if labels.len() == 2 { Task::Binary } else { Task::Classes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_number_are_one_label() {
        for (a, b) in [("+1", "1"), ("-0", "0"), ("-0.0", "0."), ("+2.50", "2.5"), ("0.0", "+0")] {
            assert_eq!(key(a), key(b));
        }
        let labels = ["1", "1.0", "0", "-2.50", "-2.5", "0.", "10", "10.0"].map(str::to_owned);
        let lines: Vec<u64> = (2..10).collect();
        let settings = crate::run::Settings::new(crate::run::RunKind::Text, "t.csv");
        let data = settings.resolve().expect("a run").data;
        let lines = Places::Lines(&lines);
        let mut account = Account::default();
        let known = classes(Path::new("t"), &labels, lines, &data, None, &mut account);
        let known = known.expect("classes");
        assert_eq!(known, ["-2.5", "0", "1", "10"]);
        let numbers = class_targets(Path::new("t"), &labels, lines, &known).expect("numbers");
        assert_eq!(numbers, [2.0, 2.0, 1.0, 0.0, 0.0, 1.0, 3.0, 3.0]);
        warn_of_twins(&["a b", "c", "A  B", "d"].map(str::to_owned), &mut account);
        assert!(account.warnings[0].contains(r#""a b" and "A  B" differ"#), "{account:?}");
        warn_of_twins(&["pos", "neg", "pos\u{200b}"].map(str::to_owned), &mut account);
        assert!(account.warnings[1].contains(r#""pos\u{200b}""#), "{account:?}");
        warn_of_twins(&["pos", "neg", "1", "-1"].map(str::to_owned), &mut account);
        assert_eq!(account.warnings.len(), 2);
        for (labels, others) in [
            (&["a", "A", "b", "B"][..], "alone, as does another group of labels, and are 2"),
            (&["a", "A", "b", "B", "c", "C"], "alone, as do 2 other groups of labels, and are 2"),
        ] {
            let labels: Vec<String> = labels.iter().map(|label| label.to_string()).collect();
            warn_of_twins(&labels, &mut account);
            assert!(account.warnings.pop().is_some_and(|warning| warning.contains(others)));
        }
        // What only looks like a number keeps its spelling.
        for label in
            ["1.0.0", "v1.0", "007", "1e3", ".", "1.x0", "+a", "+", "-", "+1.x", "a+1", "-1"]
        {
            assert_eq!(key(label), label);
        }
    }
}
