//! Tables: CSV or TSV, columns of numbers, of True and False, or of categories, and one or several
//! target columns. A table is read as it stands; what scales it and gives categories features of
//! their own is [`TableEncoder`](super::TableEncoder).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use csv::ByteRecord;
use serde::{Deserialize, Serialize};

use super::account::{Account, lines_as_words};
use super::dataset::leave_out;
use super::examples::{utf8, weight_of};
use super::format::Format;
use super::separated::{Separated, listed, separator_of};
use super::source::ByteSource;
use super::table_encoder::{Cell, ColumnKind, Missing, TableEncoder};
use super::whole_numbers::WholeNumbers;
use crate::error::{Error, Result};

/// A table as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names of the feature columns.
    pub columns: Vec<String>,
    /// What each holds; empty where all hold numbers.
    pub kinds: Vec<ColumnKind>,
    /// `[rows, columns]`: numbers; 1 and 0 for True and False; a category's place among those of its
    /// kind; NaN for what is missing.
    pub values: Vec<f64>,
    /// Targets as they stand, `[rows, target columns]`; empty when none was asked for.
    pub targets: Vec<String>,
    /// Names of the target columns.
    pub target_names: Vec<String>,
    /// Where each row is in the file, from 1.
    pub lines: Vec<u64>,
    /// The weight of each row; empty where none was asked for.
    pub weights: Vec<f32>,
    /// The rows as they stand, as lines of CSV, where they are asked for.
    pub rows_as_read: Vec<String>,
    /// Rows, from 0, with a category that the model does not know and that counts as missing.
    pub unknown: Vec<usize>,
    /// Whether the first line named the columns.
    pub has_header: bool,
    /// What became of the file's rows.
    pub account: Account,
}

/// What a table's target asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableTask {
    /// One of a few labels.
    Classes,
    /// A number, or one a target column.
    Regression,
}

/// What is read of a table, and how.
#[derive(Clone, Debug, Default)]
pub struct TableColumns<'a> {
    /// Target columns, by name, with commas between; none to read features alone.
    pub target: Option<&'a str>,
    /// Read these columns, as this encoder learned them, wherever they stand; without one, every
    /// column but the targets is read, and what it holds is told from its fields.
    pub features: Option<&'a TableEncoder>,
    /// Columns that are left out.
    pub drop: &'a [String],
    /// Columns that hold categories even where these are numbers.
    pub categories: &'a [String],
    /// CSV or TSV; told from the file where it is not given.
    pub format: Option<Format>,
    /// Whether there is no line of names: columns are called 0, 1, 2.
    pub no_header: bool,
    /// What becomes of missing values.
    pub missing: Missing,
    /// The column of a row's weight, which is no feature.
    pub weight: Option<&'a str>,
    /// Whether the rows are kept as they stand too ([`Table::rows_as_read`]).
    pub keep_rows: bool,
}

/// Categories that a column may hold: beyond, it is no category but a text or a name.
const MOST_CATEGORIES: usize = 100;

/// Reads a table whose columns are told from its fields, or are the numbers of `features`.
///
/// # Errors
/// As [`read_columns`].
pub fn read_table(path: &Path, target: Option<&str>, features: Option<&[String]>) -> Result<Table> {
    let encoder = features.map(TableEncoder::of_numbers);
    read_columns(path, &TableColumns { target, features: encoder.as_ref(), ..Default::default() })
}

/// Reads a table; `-` is standard input.
///
/// # Errors
/// [`Error::Data`] names file, line and column of what is wrong.
pub fn read_columns(path: &Path, wanted: &TableColumns) -> Result<Table> {
    read_columns_of(&ByteSource::read(path)?, wanted)
}

/// Reads a table from a source.
///
/// # Errors
/// As [`read_columns`].
pub fn read_columns_of(source: &ByteSource, wanted: &TableColumns) -> Result<Table> {
    let mut account = Account::new(source.path());
    let file = open(source, wanted, &mut account)?;
    let (Chosen { targets, weight, .. }, columns) = Chosen::of(&file, wanted)?;
    let mut table = Table {
        target_names: targets.iter().map(|&i| file.names[i].clone()).collect(),
        has_header: file.has_header,
        ..Table::default()
    };
    let names = file.names.clone();
    let (columns, kinds) = match wanted.features {
        Some(encoder) => {
            let kinds = encoder.kinds.iter().cloned();
            let numbers = std::iter::repeat(ColumnKind::Number);
            let kinds = kinds.chain(numbers).take(columns.len()).collect();
            (columns, kinds)
        }
        None => {
            let mut found = KindsFit::new(&file, columns);
            found.add(&mut file.rewound()?)?;
            found.finish(wanted, &mut account)?
        }
    };
    if columns.is_empty() {
        return Err(Error::line(
            source.path(),
            1,
            "no column is left to learn from beside the target",
        ));
    }
    let chosen = Chosen { features: &columns, targets, weight };
    read_rows(file, &chosen, &kinds, wanted, &mut table, &mut account)?;
    table.columns = columns.iter().map(|&i| names[i].clone()).collect();
    if kinds.iter().any(|kind| *kind != ColumnKind::Number) {
        table.kinds = kinds;
    }
    if table.lines.is_empty() && source.before.head.is_none() {
        return Err(Error::data(source.path(), "the table has no rows below its header"));
    }
    table.account = account;
    Ok(table)
}

/// A row's fields as a line of CSV.
fn line_of_fields(path: &Path, line: u64, fields: &ByteRecord) -> Result<String> {
    let wrong = |e: &dyn std::fmt::Display| {
        Error::line(path, line, format!("the row cannot be kept ({e})"))
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_byte_record(fields).map_err(|e| wrong(&e))?;
    let bytes = writer.into_inner().map_err(|e| wrong(&e))?;
    let text = String::from_utf8(bytes).map_err(|e| wrong(&e))?;
    Ok(text.trim_end_matches('\n').to_owned())
}

/// Says which rows hold a category that a model does not know: the first few `lines`, of `rows`.
pub(crate) fn unknown_categories(lines: &[u64], rows: usize) -> String {
    let holding = if rows == 1 { "1 row holds".into() } else { format!("{rows} rows hold") };
    format!(
        "{holding} a category that the model does not know, which counts as missing ({})",
        lines_as_words(lines, rows)
    )
}

/// Opens a table, or a block of one: what it is was told by its beginning.
fn open<'s>(
    source: &'s ByteSource,
    wanted: &TableColumns,
    account: &mut Account,
) -> Result<Separated<'s>> {
    if let Some(head) = source.before.head.clone() {
        return Separated::of_block(source, head);
    }
    let separator = separator_of(source, format_of(source, wanted)?, false);
    let header = |names: &[String], account: &mut Account| is_header(names, wanted, account);
    Separated::open(source, separator, header, account)
}

/// The format of a table.
pub(super) fn format_of(source: &ByteSource, wanted: &TableColumns) -> Result<Format> {
    match Format::of(source, wanted.format, &[])? {
        Format::Jsonl => {
            Err(Error::data(source.path(), "JSON holds texts here; save the table as CSV"))
        }
        // Whatever its name, it has fields.
        format => Ok(format),
    }
}

/// The columns of a file that are read, by number.
struct Chosen<'c> {
    features: &'c [usize],
    targets: Vec<usize>,
    weight: Option<usize>,
}

impl Chosen<'_> {
    /// The target and weight columns that are wanted of a file, and the columns that are features.
    fn of(file: &Separated, wanted: &TableColumns) -> Result<(Chosen<'static>, Vec<usize>)> {
        file.check_names()?;
        let targets = target_columns(file, wanted.target)?;
        for (names, setting) in [(wanted.drop, "drop"), (wanted.categories, "categories")] {
            for name in names {
                file.column(name, setting)?;
            }
        }
        let weight = wanted.weight.map(|name| file.column(name, "weight_column")).transpose()?;
        if weight.is_some_and(|weight| targets.contains(&weight)) {
            return Err(Error::usage(
                "weight_column names a target; a row's weight is a column of its own",
            ));
        }
        let columns: Vec<usize> = match wanted.features {
            Some(encoder) => encoder
                .columns
                .iter()
                .map(|name| file.column(name, "a column of the table"))
                .collect::<Result<_>>()?,
            None => (0..file.names.len())
                .filter(|i| !targets.contains(i) && weight != Some(*i))
                .filter(|i| !wanted.drop.contains(&file.names[*i]))
                .collect(),
        };
        Ok((Chosen { features: &[], targets, weight }, columns))
    }
}

/// Reads the rows, whose columns are known.
fn read_rows(
    mut file: Separated,
    chosen: &Chosen<'_>,
    kinds: &[ColumnKind],
    wanted: &TableColumns,
    table: &mut Table,
    account: &mut Account,
) -> Result<()> {
    let path = file.path().to_owned();
    let names = file.names.clone();
    let mut decimals = Decimals::between(file.separator());
    let Chosen { features: columns, targets, weight } = chosen;
    // The first unknown category and its column.
    let mut unknown: Option<(String, usize)> = None;
    // Missing values, where they are an error: how many, and the first.
    let mut missing: Option<(usize, u64, usize, String)> = None;
    while let Some((line, fields)) = file.next_row()? {
        for (&i, kind) in columns.iter().zip(kinds) {
            let field = decimals.field(&path, line, fields, i)?;
            let value = match kind.cell(&field) {
                Cell::Value(value) => value,
                Cell::Missing => f64::NAN,
                Cell::Other if !kind.takes_others(wanted.missing) => {
                    return Err(Error::line(&path, line, kind.refusal(&names[i], &field)));
                }
                Cell::Other => {
                    unknown.get_or_insert_with(|| (field.clone().into_owned(), i));
                    let row = table.lines.len();
                    if table.unknown.last() != Some(&row) {
                        table.unknown.push(row);
                    }
                    f64::NAN
                }
            };
            if value.is_nan() && wanted.missing == Missing::Error {
                missing.get_or_insert((0, line, i, field.into_owned())).0 += 1;
            }
            table.values.push(value);
        }
        for &i in targets {
            let field = decimals.field(&path, line, fields, i)?;
            if field.is_empty() {
                return Err(Error::line(
                    &path,
                    line,
                    format!("the target \"{}\" is empty; fill it in or remove the row", names[i]),
                ));
            }
            table.targets.push(field.into_owned());
        }
        if let Some(i) = *weight {
            table.weights.push(weight_of(&path, line, &decimals.field(&path, line, fields, i)?)?);
        }
        if wanted.keep_rows {
            table.rows_as_read.push(line_of_fields(&path, line, fields)?);
        }
        table.lines.push(line);
    }
    if let Some((field, i)) = unknown {
        let lines: Vec<u64> = table.unknown.iter().map(|&row| table.lines[row]).collect();
        account.warn(format!(
            "{}; the first is \"{field}\" of column \"{}\"",
            unknown_categories(&lines, lines.len()),
            names[i]
        ));
    }
    if let Some(said) = decimals.warning() {
        account.warn(said);
    }
    file.close(account);
    let Some((count, line, i, field)) = missing else { return Ok(()) };
    Err(missing_values(&path, line, &names[i], &field, count))
}

/// That values are missing, the first of which is in this line and column.
fn missing_values(path: &Path, line: u64, name: &str, field: &str, count: usize) -> Error {
    Error::line(
        path,
        line,
        format!(
            "column \"{name}\" holds \"{field}\", which is no finite number: {} missing in the table. Fill in what is missing, leave the column out with drop, or set missing to mean or indicator",
            if count == 1 { "1 value is".into() } else { format!("{count} values are") }
        ),
    )
}

/// How a file writes its numbers. Where fields have semicolons between, so that commas are free for it, a spreadsheet in
/// German, French or Spanish writes 1.5 as `1,5` (R's `read.csv2` goes by the same rule). Elsewhere such numbers are refused,
/// and so are commas beside points: one of them would be thousands.
#[derive(Debug, Default)]
pub(crate) struct Decimals {
    may_be_commas: bool,
    /// The first number with a comma, and the first with a point.
    comma: Option<(u64, String)>,
    point: Option<(u64, String)>,
}

impl Decimals {
    /// Those of fields with this between.
    pub fn between(separator: u8) -> Decimals {
        Decimals { may_be_commas: separator == b';', ..Decimals::default() }
    }

    /// What a field of a row says: a number with a decimal point. The row's line is for messages.
    ///
    /// # Errors
    /// The reason, where commas stand beside points.
    pub fn read<'f>(
        &mut self,
        line: u64,
        field: &'f str,
    ) -> std::result::Result<Cow<'f, str>, String> {
        if !self.may_be_commas {
            return Ok(field.into());
        }
        let number = with_a_point(field);
        match &number {
            Some(_) if self.comma.is_none() => self.comma = Some((line, field.to_owned())),
            None if self.point.is_none() && field.contains('.') && field.parse::<f64>().is_ok() => {
                self.point = Some((line, field.to_owned()));
            }
            _ => return Ok(number.map_or(field.into(), Cow::from)),
        }
        match (&self.comma, &self.point) {
            (Some((a, comma)), Some((b, point))) => Err(format!(
                "\"{comma}\" (line {a}) has a comma and \"{point}\" (line {b}) a point: which of them begins the decimals? Write all numbers with one decimal sign and none between thousands"
            )),
            _ => Ok(number.map_or(field.into(), Cow::from)),
        }
    }

    /// The same of a field by its number, trimmed.
    fn field<'f>(
        &mut self,
        path: &Path,
        line: u64,
        fields: &'f ByteRecord,
        i: usize,
    ) -> Result<Cow<'f, str>> {
        let field = utf8(path, line, fields.get(i).unwrap_or_default())?.trim();
        self.read(line, field).map_err(|why| Error::line(path, line, why))
    }

    /// That commas were read, where there were any.
    pub fn warning(&self) -> Option<&'static str> {
        self.comma
            .is_some()
            .then_some("some of its numbers have a decimal comma: 1,5 is read as 1.5")
    }
}

/// The number that a field with one comma and no point writes.
fn with_a_point(field: &str) -> Option<String> {
    let (whole, _) = field.split_once(',')?;
    let number = (!whole.contains('.')).then(|| field.replacen(',', ".", 1))?;
    number.parse::<f64>().is_ok().then_some(number)
}

/// Whether the first line names the columns. Names that are asked for decide; else it is a row where
/// all its fields are numbers, unless they count (0, 1, 2 as pandas writes them, or years).
pub(super) fn is_header(
    names: &[String],
    wanted: &TableColumns,
    account: &mut Account,
) -> Result<bool> {
    if wanted.no_header {
        return Ok(false);
    }
    let asked: Vec<&str> = match (wanted.target, wanted.features) {
        (None, None) => Vec::new(),
        (target, features) => {
            let features = features.map_or(&[][..], |encoder| &encoder.columns);
            features.iter().map(String::as_str).chain(target).chain(wanted.weight).collect()
        }
    };
    let numbers: Option<Vec<f64>> = names.iter().map(|field| field.parse().ok()).collect();
    let Some(numbers) = numbers else { return Ok(true) };
    let counts = |step: f64| numbers.windows(2).all(|pair| pair[1] - pair[0] == step);
    let are_whole = numbers.iter().all(|number| number.fract() == 0.0);
    let are_asked = !asked.is_empty() && asked.iter().all(|name| names.iter().any(|n| n == name));
    // Years are four digits.
    let begins =
        numbers.first().is_some_and(|&first| first == 0.0 || (1000.0..3000.0).contains(&first));
    let are_counted = are_whole && numbers.len() > 1 && begins && counts(1.0);
    if numbers.is_empty() || are_asked || are_counted {
        return Ok(true);
    }
    let shown = listed(names);
    account.warn(format!(
        "the first line ({shown}) holds numbers alone and is read as a row, not as a header; columns are called 0 to {}",
        names.len() - 1
    ));
    Ok(false)
}

/// The numbers of the target columns that a setting names: one name, or several with commas.
fn target_columns(file: &Separated, target: Option<&str>) -> Result<Vec<usize>> {
    let Some(target) = target else { return Ok(Vec::new()) };
    if file.names.iter().any(|name| name == target) || !target.contains(',') {
        return Ok(vec![file.column(target, "target_column")?]);
    }
    target.split(',').map(|name| file.column(name.trim(), "target_column")).collect()
}

/// What a column's fields are, seen once over the file.
#[derive(Default)]
struct Seen {
    numbers: usize,
    booleans: usize,
    dates: usize,
    missing: usize,
    others: usize,
    /// The first field that is no number, with its line.
    first: Option<(u64, String)>,
    /// Distinct fields, up to one more than categories may be, by first appearance.
    distinct: HashMap<String, usize>,
    /// Whether its numbers are quantities.
    whole: WholeNumbers,
}

/// What the columns of a file hold, seen over its blocks.
pub(crate) struct KindsFit {
    path: PathBuf,
    names: Vec<String>,
    /// The columns, by number, with what is seen of each.
    columns: Vec<(usize, Seen)>,
    /// Missing values: how many, and the first.
    missing: Option<(usize, u64, usize, String)>,
    rows: usize,
    /// The first column without a name, which may count the rows, as pandas' to_csv writes its index.
    unnamed: Option<usize>,
    decimals: Decimals,
}

impl KindsFit {
    fn new(file: &Separated, columns: Vec<usize>) -> KindsFit {
        KindsFit {
            path: file.path().to_owned(),
            names: file.names.clone(),
            unnamed: columns.iter().copied().find(|&i| {
                // Its read_csv gives such a column a name, which a second to_csv writes.
                let is_unnamed = file.names[i].is_empty() || file.names[i].starts_with("Unnamed: ");
                is_unnamed && file.has_header
            }),
            columns: columns.into_iter().map(|i| (i, Seen::default())).collect(),
            missing: None,
            rows: 0,
            decimals: Decimals::between(file.separator()),
        }
    }

    /// Of a file that is read in blocks, before the first.
    ///
    /// # Errors
    /// As [`read_columns`].
    pub fn of_blocks(first: &ByteSource, wanted: &TableColumns) -> Result<KindsFit> {
        let file = open(first, wanted, &mut Account::default())?;
        let (_, columns) = Chosen::of(&file, wanted)?;
        Ok(KindsFit::new(&file, columns))
    }

    /// Takes a block of a file.
    ///
    /// # Errors
    /// As [`read_columns`].
    pub fn add_block(&mut self, block: &ByteSource, wanted: &TableColumns) -> Result<()> {
        self.add(&mut open(block, wanted, &mut Account::default())?)
    }

    fn add(&mut self, file: &mut Separated) -> Result<()> {
        let KindsFit { path, names, columns, missing, rows, decimals, .. } = self;
        while let Some((line, fields)) = file.next_row()? {
            for (i, seen) in columns.iter_mut() {
                let i = *i;
                let field = decimals.field(path, line, fields, i)?;
                let field = &*field;
                seen.whole.take(*rows, field);
                if is_missing(field) {
                    seen.missing += 1;
                    missing.get_or_insert_with(|| (0, line, i, field.to_owned())).0 += 1;
                    continue;
                }
                if field.parse::<f64>().is_ok_and(|value| !value.is_finite()) {
                    return Err(Error::line(
                        path,
                        line,
                        format!(
                            "column \"{}\" holds \"{field}\", which is no finite number; replace it, or leave the column out with drop",
                            names[i]
                        ),
                    ));
                }
                if ColumnKind::Number.parse(field).is_some() {
                    seen.numbers += 1;
                } else {
                    seen.booleans += ColumnKind::Boolean.parse(field).is_some() as usize;
                    seen.dates += is_date(field) as usize;
                    seen.others += 1;
                    seen.first.get_or_insert_with(|| (line, field.to_owned()));
                }
                if seen.distinct.len() <= MOST_CATEGORIES && !seen.distinct.contains_key(field) {
                    seen.distinct.insert(field.to_owned(), seen.distinct.len());
                }
            }
            *rows += 1;
        }
        Ok(())
    }

    /// That values are missing, where there are any.
    pub fn refuse_missing(&self) -> Result<()> {
        match &self.missing {
            None => Ok(()),
            Some((count, line, i, field)) => {
                Err(missing_values(&self.path, *line, &self.names[*i], field, *count))
            }
        }
    }

    /// The columns and what they hold; those that only count the rows are left out.
    fn finish(
        self,
        wanted: &TableColumns,
        account: &mut Account,
    ) -> Result<(Vec<usize>, Vec<ColumnKind>)> {
        let KindsFit { path, names, rows, unnamed, .. } = self;
        let mut kept = (Vec::new(), Vec::new());
        for (i, mut seen) in self.columns {
            let name = &names[i];
            let whole = std::mem::take(&mut seen.whole);
            if unnamed == Some(i) && rows > 1 && matches!(whole.counts_from(), Some(0 | 1)) {
                account.warn(format!(
                    "column {} has no name and counts the rows: it is left out",
                    i + 1
                ));
                continue;
            }
            let kind = kind_of(&path, name, seen, rows, wanted)?;
            if kind == ColumnKind::Number
                && let Some(doubt) = whole.doubt(name, rows)
            {
                account.warn(doubt);
            }
            if let ColumnKind::Category(values) = &kind {
                account.warn(format!(
                    "column \"{name}\" holds {} categories ({}): each becomes a feature",
                    values.len(),
                    listed(values)
                ));
            }
            kept.0.push(i);
            kept.1.push(kind);
        }
        Ok(kept)
    }

    /// The same as an encoder that leaves the numbers as they are, to read the blocks with.
    ///
    /// # Errors
    /// As [`read_columns`].
    pub fn encoder(self, wanted: &TableColumns, account: &mut Account) -> Result<TableEncoder> {
        let (path, names) = (self.path.clone(), self.names.clone());
        let (columns, kinds) = self.finish(wanted, account)?;
        if columns.is_empty() {
            return Err(Error::line(&path, 1, "no column is left to learn from beside the target"));
        }
        let columns: Vec<String> = columns.iter().map(|&i| names[i].clone()).collect();
        Ok(TableEncoder { kinds, ..TableEncoder::of_numbers(&columns) })
    }
}

/// What a column holds.
fn kind_of(
    path: &Path,
    name: &str,
    seen: Seen,
    rows: usize,
    wanted: &TableColumns,
) -> Result<ColumnKind> {
    let is_named = wanted.categories.iter().any(|category| category == name);
    let (line, first) = match seen.first {
        Some(first) if !is_named => first,
        _ if !is_named => return Ok(ColumnKind::Number),
        first => first.unwrap_or((1, String::new())),
    };
    let wrong = |message: String| Err(Error::line(path, line, message));
    if seen.booleans == seen.others && seen.numbers == 0 && !is_named {
        return Ok(ColumnKind::Boolean);
    }
    // Numbers with something among them that is none: a slip, or another spelling of missing.
    if seen.numbers > 0 && !is_named {
        return wrong(format!(
            "column \"{name}\" holds \"{first}\", which is no finite number, where {} of {rows} fields are numbers; correct it, name the column among categories if it holds names, or leave it out with drop",
            seen.numbers
        ));
    }
    if seen.dates == seen.others && !is_named {
        return wrong(format!(
            "column \"{name}\" holds dates (\"{first}\"); make numbers of them (year, month, day of the week, days since a day), or leave the column out with drop"
        ));
    }
    if !is_named && seen.distinct.keys().all(|field| is_written_number(field)) {
        return wrong(format!(
            "column \"{name}\" holds \"{first}\", a number written with other signs; {PLAIN_NUMBER}, name the column among categories, or leave it out with drop"
        ));
    }
    let distinct = seen.distinct.len();
    if distinct > MOST_CATEGORIES || (distinct > 10 && 2 * distinct > rows && !is_named) {
        return wrong(format!(
            "column \"{name}\" holds texts (\"{first}\"), {} different ones in {rows} rows, too many for categories; leave it out with drop, or encode it as numbers",
            if distinct > MOST_CATEGORIES {
                format!("more than {MOST_CATEGORIES}")
            } else {
                distinct.to_string()
            }
        ));
    }
    let mut values: Vec<(String, usize)> = seen.distinct.into_iter().collect();
    values.sort_unstable();
    Ok(ColumnKind::Category(values.into_iter().map(|(value, _)| value).collect()))
}

/// What pandas, R and others write for a value that is not there.
pub(super) fn is_missing(field: &str) -> bool {
    const MARKS: [&str; 17] = [
        "", "?", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "<NA>",
        "N/A", "NA", "NULL", "NAN", "-NAN", "NONE", "NIL",
    ];
    field.len() <= 8 && MARKS.iter().any(|mark| field.eq_ignore_ascii_case(mark))
}

/// What to do with a number that was written in another way.
const PLAIN_NUMBER: &str = "write it with digits and a decimal point alone (1234.5)";

/// Whether a field is a number as people write it: with thousands, a decimal comma, a currency, per cent.
fn is_written_number(field: &str) -> bool {
    // The last three are the minus that word processors write, and two dashes.
    const SIGNS: &str = ",.'%+-$€£¥ \u{a0}\u{202f}\u{2212}\u{2013}\u{2012}";
    let digits = field.chars().filter(char::is_ascii_digit).count();
    digits > 0 && field.chars().all(|c| c.is_ascii_digit() || SIGNS.contains(c))
}

/// Whether a field looks like a date: three numbers with one of `-/.` between, a time perhaps behind.
fn is_date(field: &str) -> bool {
    let day = field.split([' ', 'T']).next().unwrap_or_default();
    ['-', '/', '.'].iter().any(|&sign| {
        let parts: Vec<&str> = day.split(sign).collect();
        parts.len() == 3
            && parts.iter().all(|part| {
                (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
            })
    })
}

/// The names that the first line of a CSV or TSV file holds.
///
/// # Errors
/// [`Error::File`] when the file cannot be read.
pub fn column_names(path: &Path) -> Result<Vec<String>> {
    column_names_of(&ByteSource::read(path)?)
}

/// The names that the first line of a CSV or TSV source holds.
///
/// # Errors
/// As [`read_columns`].
pub fn column_names_of(source: &ByteSource) -> Result<Vec<String>> {
    let format = match source.extension.as_str() {
        "tsv" | "tab" => Format::Tsv,
        "csv" => Format::Csv,
        _ => Format::Lines,
    };
    let separator = separator_of(source, format, false);
    let mut account = Account::default();
    Ok(Separated::open(source, separator, |_, _| Ok(true), &mut account)?.names)
}

/// What targets are, seen over a table's blocks.
#[derive(Debug, Default)]
pub(crate) struct TargetsFit {
    /// There are several target columns.
    pub are_several: bool,
    /// Distinct numbers, up to one more than classes may be.
    distinct: Vec<f64>,
    are_whole: bool,
    numbers: usize,
    all: usize,
    /// The first target that is no number, and its line.
    other: Option<(String, u64)>,
    /// Up to as many of these, where all are [numbers written with other signs](is_written_number).
    written: Option<HashSet<String>>,
}

impl TargetsFit {
    /// Whole numbers of which so many are different are classes.
    const MOST: usize = 20;

    /// Takes a block's.
    pub fn add(&mut self, table: &Table) {
        self.are_several = table.target_names.len() > 1;
        if self.all == 0 {
            (self.are_whole, self.written) = (true, Some(HashSet::new()));
        }
        for (target, &line) in table.targets.iter().zip(&table.lines) {
            self.all += 1;
            let Ok(number) = target.parse::<f64>() else {
                self.other.get_or_insert_with(|| (target.clone(), line));
                self.written.take_if(|_| !is_written_number(target));
                if let Some(written) = self.written.as_mut().filter(|all| all.len() <= Self::MOST)
                    && !written.contains(target)
                {
                    written.insert(target.clone());
                }
                continue;
            };
            self.numbers += 1;
            self.are_whole &= number.fract() == 0.0;
            if self.distinct.len() <= Self::MOST && !self.distinct.contains(&number) {
                self.distinct.push(number);
            }
        }
    }

    /// As [`Table::task`].
    pub fn task(&self, path: &Path) -> Result<TableTask> {
        if self.are_several {
            return Ok(TableTask::Regression);
        }
        let whole = self.distinct.len() <= Self::MOST && self.are_whole;
        let Some((target, line)) = &self.other else {
            return Ok(if whole { TableTask::Classes } else { TableTask::Regression });
        };
        let others = self.all - self.numbers;
        if self.numbers > 0 && (is_missing(target) || (self.numbers > others && !whole)) {
            return Err(Error::line(
                path,
                *line,
                format!(
                    "the target is \"{target}\", but a number in {} of {} rows; fill it in or remove the row (or set task to classes, if it is a label)",
                    self.numbers, self.all
                ),
            ));
        }
        if self.numbers == 0 && self.written.as_ref().is_some_and(|all| all.len() > Self::MOST) {
            return Err(Error::line(
                path,
                *line,
                format!(
                    "the target \"{target}\" is a number written with other signs; {PLAIN_NUMBER} (or set task to classes, if it is a label)"
                ),
            ));
        }
        Ok(TableTask::Classes)
    }
}

impl Table {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// Leaves out the rows that are marked.
    pub(crate) fn leave_out(&mut self, marked: &[bool]) {
        leave_out(&mut self.values, self.columns.len(), marked);
        leave_out(&mut self.targets, self.target_names.len(), marked);
        leave_out(&mut self.lines, 1, marked);
        leave_out(&mut self.weights, 1, marked);
        leave_out(&mut self.rows_as_read, 1, marked);
        let mut is_unknown = vec![false; marked.len()];
        self.unknown.iter().for_each(|&row| is_unknown[row] = true);
        leave_out(&mut is_unknown, 1, marked);
        self.unknown = (0..is_unknown.len()).filter(|&row| is_unknown[row]).collect();
    }

    /// What the targets ask for: a number, unless they are texts or at most 20 whole numbers.
    ///
    /// # Errors
    /// [`Error::Data`] names the line of a target that is missing, or no number where the others are.
    pub fn task(&self, path: &Path) -> Result<TableTask> {
        let mut found = TargetsFit::default();
        found.add(self);
        found.task(path)
    }

    /// The targets as numbers, `[rows, target columns]`.
    ///
    /// # Errors
    /// [`Error::Data`] names the line of the first that is none.
    pub fn numeric_targets(&self, path: &Path) -> Result<Vec<f64>> {
        let width = self.target_names.len().max(1);
        let parse = |(i, target): (usize, &String)| {
            let value = target.parse::<f64>().ok().filter(|value| value.is_finite());
            value.ok_or_else(|| {
                let line = self.lines.get(i / width).copied().unwrap_or_default();
                Error::line(path, line, format!("the target \"{target}\" is no finite number"))
            })
        };
        self.targets.iter().enumerate().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, wanted: &TableColumns) -> Result<Table> {
        let source = ByteSource::of(Path::new("t.csv"), text.as_bytes().to_vec())?;
        read_columns_of(&source, wanted)
    }

    fn of<'a>(target: &'a str) -> TableColumns<'a> {
        TableColumns { target: Some(target), ..TableColumns::default() }
    }

    fn message(text: &str, wanted: &TableColumns) -> String {
        read(text, wanted).expect_err("refused").to_string()
    }

    #[test]
    fn fields_that_look_like_dates_and_written_numbers_are_told() {
        for date in
            ["2020-01-31", "1/2/2020", "31.12.99", "2020-01-31 10:00", "2020-01-31T10:00:00Z"]
        {
            assert!(is_date(date), "{date}");
        }
        for other in ["2020-01", "1-2-3-4", "a-b-c", "20200-01-01", "1--2", "-1-2", "1.5", "", "12"]
        {
            assert!(!is_date(other), "{other}");
        }
        for written in ["1,000", "5%", "$12", "-3,5", "1 000", "\u{2212}7", "12"] {
            assert!(is_written_number(written), "{written}");
        }
        for other in ["", "-", "%", "5x", "1e5"] {
            assert!(!is_written_number(other), "{other}");
        }
    }

    #[test]
    fn columns_are_numbers_booleans_or_categories() {
        let table = read("n,b,c,y\n1,True,red,0\n2.5,false,blue,1\n", &of("y")).expect("a table");
        assert_eq!(table.columns, ["n", "b", "c"]);
        assert_eq!(table.values, [1.0, 1.0, 1.0, 2.5, 0.0, 0.0]);
        let category = ColumnKind::Category(vec!["blue".into(), "red".into()]);
        assert_eq!(table.kinds, [ColumnKind::Number, ColumnKind::Boolean, category]);
        assert_eq!((table.targets, table.account.read), (vec!["0".to_owned(), "1".into()], 2));
        let names = read("a,b\n1,2\n", &TableColumns::default()).expect("a table");
        assert!(names.kinds.is_empty() && names.has_header);
    }

    #[test]
    fn what_is_no_feature_is_refused_with_line_and_way_out() {
        let slip = "a,y\n1,0\n2,1\nx3,0\n4,1\n";
        assert!(
            message(slip, &of("y")).contains("line 4") && message(slip, &of("y")).contains("drop")
        );
        let missing = "a,y\n1,0\n,1\nNA,0\n";
        let error = message(missing, &of("y"));
        assert!(error.contains("line 3") && error.contains("2 values are missing"), "{error}");
        let codes = TableColumns { categories: &["a".to_owned()], ..of("y") };
        let table = read(slip, &codes).expect("categories");
        assert_eq!(table.kinds.len(), 1);
        assert_eq!(table.values, [0.0, 1.0, 3.0, 2.0]);
        let commas = "a,y\n\"1,5\",0\n\"2,5\",1\n";
        assert!(message(commas, &of("y")).contains("decimal point"));
        let dates = "d,a,y\n2024-01-02,1,0\n2024-01-03 10:00,2,1\n";
        assert!(message(dates, &of("y")).contains("dates"));
        let names: String = (0..30).map(|i| format!("name {i},{}\n", i % 2)).collect();
        assert!(
            message(&format!("a,y\n{names}"), &of("y")).contains("30 different ones in 30 rows")
        );
        assert!(message("a,a,y\n1,2,3\n", &of("y")).contains("1 and 2 are both"));
        assert!(message("a,y\ninf,3\n", &of("y")).contains("inf"));
    }

    #[test]
    fn missing_values_and_unknown_categories_follow_the_setting() {
        let wanted = TableColumns { missing: Missing::Mean, ..of("y") };
        let table = read("a,c,y\n1,u,0\nNaN,,1\n3,v,1\n", &wanted).expect("a table");
        assert!(table.values[2].is_nan() && table.values[3].is_nan());
        assert_eq!(table.values[4..], [3.0, 1.0]);
        let encoder = TableEncoder::fit(&table, None, None);
        let again = TableColumns { features: Some(&encoder), ..wanted.clone() };
        let other =
            read("c,a\nw,7\n", &TableColumns { target: None, ..again.clone() }).expect("read");
        assert!(other.values[0] == 7.0 && other.values[1].is_nan());
        assert!(other.account.warnings[0].contains("\"w\""), "{:?}", other.account.warnings);
        let strict = TableColumns { target: None, missing: Missing::Error, ..again };
        assert!(message("c,a\nw,7\n", &strict).contains("u, v"));
    }

    #[test]
    fn the_first_line_is_a_header_unless_it_is_a_row() {
        let none = TableColumns::default();
        assert_eq!(read("2019,2020,2021\n1,2,3\n", &none).expect("years").rows(), 1);
        assert_eq!(read("1,2\n3,4\n", &none).expect("rows").rows(), 2);
        let row = read("1.5,2\n3,4\n", &none).expect("rows");
        assert_eq!((row.rows(), &row.columns[..]), (2, &["0".to_owned(), "1".into()][..]));
        assert!(row.account.warnings[0].contains("first line"));
        assert_eq!(read("7,3\n1,2\n", &of("3")).expect("a target").columns, ["7"]);
        let no_header = TableColumns { no_header: true, ..of("1") };
        assert_eq!(read("a,b\nc,d\na,b\n", &no_header).expect("rows").rows(), 3);
        let index = read(",a\n0,5\n1,6\n", &none).expect("an index");
        assert_eq!(
            (&index.columns[..], &index.values[..]),
            (&["a".to_owned()][..], &[5.0, 6.0][..])
        );
    }

    #[test]
    fn the_targets_say_the_task() {
        let path = Path::new("t.csv");
        let task = |values: &str| {
            let rows: String = values.split(' ').map(|value| format!("1,{value}\n")).collect();
            read(&format!("a,y\n{rows}"), &of("y")).expect("a table").task(path)
        };
        assert_eq!(task("1 0 1").expect("a task"), TableTask::Classes);
        assert_eq!(task("1.5 0 1").expect("a task"), TableTask::Regression);
        assert_eq!(task("none some none").expect("a task"), TableTask::Classes);
        assert!(task("0 1 NA").expect_err("missing").to_string().contains("line 4"));
        assert!(task("1.5 2.5 x").expect_err("a slip").to_string().contains("line 4"));
        let two = read("a,y,z\n1,2,3\n4,5,6\n", &of("y,z")).expect("two targets");
        assert_eq!(two.numeric_targets(path).expect("numbers"), [2.0, 3.0, 5.0, 6.0]);
        assert_eq!(two.task(path).expect("a task"), TableTask::Regression);
    }

    #[test]
    fn semicolons_leave_the_comma_to_decimals() {
        let table = read("a;b;y\n1,5;-2,25e1;0,5\n3;4;1\n", &of("y")).expect("a table");
        assert_eq!(table.values, [1.5, -22.5, 3.0, 4.0]);
        assert_eq!(table.targets, ["0.5", "1"]);
        // Thousands are no decimals: which they are is asked where a point says that commas part thousands.
        let said = message("a;b;y\n1,234;5.5;x\n2,345;4.5;z\n", &of("y"));
        assert!(said.contains("line 2") && said.contains("which of them"), "{said}");
        assert!(message("a;y\n1.234,5;x\n2.345,6;z\n", &of("y")).contains("other signs"));
        // With commas or tabs between, nothing is guessed.
        assert!(message("a,y\n\"1,5\",x\n\"2,5\",z\n", &of("y")).contains("other signs"));
    }

    #[test]
    fn targets_with_other_signs_are_no_classes() {
        let rows = |unit: &str| -> String {
            (0..30).map(|i| format!("{i},{}.5{unit}\n", i * i)).collect::<String>()
        };
        let task = |text: String| read(&text, &of("y")).and_then(|t| t.task(Path::new("t.csv")));
        let said = task(format!("a,y\n{}", rows("%"))).expect_err("refused").to_string();
        assert!(said.contains("line 2") && said.contains("set task to classes"), "{said}");
        assert_eq!(task(format!("a,y\n{}", rows(" l"))).expect("labels"), TableTask::Classes);
        // Ranges that come again are labels.
        let ranges: String = (0..30).map(|i| format!("{i},{}-9\n", i % 3)).collect();
        assert_eq!(task(format!("a,y\n{ranges}")).expect("labels"), TableTask::Classes);
    }

    #[test]
    fn a_line_for_spreadsheets_is_no_header() {
        let said = message("sep=;\na;y\n1;x\n2;z\n", &of("y"));
        assert!(said.contains("line 1") && said.contains("take it out"), "{said}");
    }
}
