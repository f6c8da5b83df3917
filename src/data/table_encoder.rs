//! What turns a table's row into a model's input and back: columns in their order, categories as a
//! feature each, missing values as the mean or with a feature of their own, every feature
//! standardised by the mean and deviation of the training rows; and the targets' scales.

use serde::{Deserialize, Serialize};

use super::dataset::Inputs;
use super::separated::listed;
use super::table::{Table, is_missing};
use crate::error::{self, did_you_mean};

/// What becomes of missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// They are refused.
    #[default]
    Error,
    /// They count as the column's mean (a category as none).
    Mean,
    /// As the mean, and a feature of its own says where a column's value is missing.
    Indicator,
}

/// What a column of a table holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Numbers.
    #[default]
    Number,
    /// True and False, as 1 and 0.
    Boolean,
    /// One of these texts, in order, each a feature that is 1 or 0.
    Category(Vec<String>),
}

/// What a field holds, for its column's kind.
pub(super) enum Cell {
    /// A number, 1 or 0, or a category's place.
    Value(f64),
    /// A mark for what is missing.
    Missing,
    /// Something else.
    Other,
}

impl ColumnKind {
    /// The value of a field; `None` where it is none. Categories are found by their places.
    pub(super) fn parse(&self, field: &str) -> Option<f64> {
        match self {
            ColumnKind::Number => field.parse().ok().filter(|value: &f64| value.is_finite()),
            ColumnKind::Boolean => {
                let is = |word: &str| {
                    field.eq_ignore_ascii_case(word) || field.eq_ignore_ascii_case(&word[..1])
                };
                match () {
                    () if is("true") || field == "1" => Some(1.0),
                    () if is("false") || field == "0" => Some(0.0),
                    () => None,
                }
            }
            ColumnKind::Category(_) => None,
        }
    }

    /// Whether categories come in order, each once.
    pub(crate) fn is_ordered(&self) -> bool {
        match self {
            ColumnKind::Category(values) => values.windows(2).all(|pair| pair[0] < pair[1]),
            _ => true,
        }
    }

    /// What a field holds.
    pub(super) fn cell(&self, field: &str) -> Cell {
        let place =
            |values: &[String]| values.binary_search_by(|value| value.as_str().cmp(field)).ok();
        let value = match self {
            ColumnKind::Category(values) => place(values).map(|place| place as f64),
            _ => self.parse(field),
        };
        match value {
            Some(value) => Cell::Value(value),
            None if is_missing(field) => Cell::Missing,
            None => Cell::Other,
        }
    }

    /// Whether what is no value of this kind counts as missing: a category that the training rows had not, where
    /// missing values are taken.
    pub(super) fn takes_others(&self, missing: Missing) -> bool {
        missing != Missing::Error && matches!(self, ColumnKind::Category(_))
    }

    /// Says that a field of a column is no value of this kind.
    pub(super) fn refusal(&self, name: &str, field: &str) -> String {
        match self {
            ColumnKind::Category(known) => format!(
                "column \"{name}\" holds \"{field}\", but the model knows {} there{}; correct it, or take unknown categories as missing by training with another missing than error",
                listed(known),
                did_you_mean(field, known.iter().map(String::as_str))
            ),
            _ => format!(
                "column \"{name}\" holds \"{field}\", which is no finite number; fill it in, encode it as numbers, or remove the column"
            ),
        }
    }

    /// Features of a column of this kind.
    fn width(&self) -> usize {
        match self {
            ColumnKind::Category(values) => values.len(),
            _ => 1,
        }
    }
}

/// A regression's target column and its scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetColumn {
    /// Its name.
    pub name: String,
    /// Mean over the training rows.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
}

/// What turns a table's row into a model's input, and its output into the targets' scales.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableEncoder {
    /// Names of the feature columns, in order.
    pub columns: Vec<String>,
    /// Mean of each feature, over the training rows.
    pub means: Vec<f64>,
    /// Standard deviation of each; 1 for a feature that never changes.
    pub deviations: Vec<f64>,
    /// Name of the target column; of several, with commas between.
    pub target: String,
    /// Mean and standard deviation of a regression's target.
    pub target_scale: Option<(f64, f64)>,
    /// What each column holds; empty where all hold numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<ColumnKind>,
    /// Features that never changed in training, by number: their input is 0, whatever they become.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constant: Vec<usize>,
    /// What becomes of missing values.
    #[serde(default, skip_serializing_if = "is_default")]
    pub missing: Missing,
    /// Columns, by number, whose missing values a feature of their own tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indicators: Vec<usize>,
    /// Several target columns of a regression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetColumn>,
    /// Whether the table has no line of names.
    #[serde(default, skip_serializing_if = "is_default")]
    pub no_header: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Mean and standard deviation of a feature, from values that are seen twice, in the same order.
#[derive(Clone, Copy, Debug)]
struct Moments {
    /// The mean, where they are seen for the second time.
    mean: Option<f64>,
    /// How many are there.
    count: usize,
    sum: f64,
    largest: f64,
    /// Of the distances to the mean.
    squares: f64,
}

impl Default for Moments {
    /// Sums begin as Rust's do.
    fn default() -> Self {
        Moments { mean: None, count: 0, sum: -0.0, largest: 0.0, squares: -0.0 }
    }
}

impl Moments {
    /// Takes a value; NaN is none.
    fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        if let Some(mean) = self.mean {
            let distance = value - mean;
            self.squares += distance * distance;
        } else {
            self.count += 1;
            self.sum += value;
            self.largest = self.largest.max(value.abs());
        }
    }

    fn turn(&mut self) {
        self.mean = Some(self.sum / self.count.max(1) as f64);
    }

    /// Mean, deviation, and whether all of it is one value up to rounding; a deviation of 0 becomes 1.
    fn found(&self) -> (f64, f64, bool) {
        let count = self.count.max(1) as f64;
        let deviation = (self.squares / count).sqrt();
        // What sums of equal numbers are off by.
        let is_constant = deviation <= 1e-13 * count.sqrt().max(1.0) * self.largest;
        (self.mean.unwrap_or_default(), if deviation > 0.0 { deviation } else { 1.0 }, is_constant)
    }
}

/// What is learned of a table's rows, some of them after the others: all of them twice.
#[derive(Debug)]
pub(crate) struct TableFit {
    /// Columns and what they hold.
    encoder: TableEncoder,
    target_names: Vec<String>,
    features: Vec<Moments>,
    /// Of each column, where values are missing.
    missing: Vec<Moments>,
    /// Of a regression's targets.
    targets: Vec<Moments>,
}

impl TableFit {
    /// Of rows like a table's, whose targets are numbers or are not (`regression`).
    pub fn new(table: &Table, regression: bool, missing: Missing) -> TableFit {
        let encoder = TableEncoder {
            columns: table.columns.clone(),
            kinds: table.kinds.clone(),
            target: table.target_names.join(","),
            no_header: !table.has_header && !table.lines.is_empty(),
            missing,
            ..TableEncoder::default()
        };
        let targets = if regression { table.target_names.len().max(1) } else { 0 };
        TableFit {
            features: vec![Moments::default(); encoder.features()],
            missing: vec![Moments::default(); encoder.columns.len()],
            targets: vec![Moments::default(); targets],
            target_names: table.target_names.clone(),
            encoder,
        }
    }

    /// The encoder of rows that `pass` takes, the same both times; none where there are none. The first rows make the fit.
    pub fn in_passes(
        mut pass: impl FnMut(&mut Option<TableFit>) -> error::Result<()>,
    ) -> error::Result<Option<TableEncoder>> {
        let mut fit = None;
        pass(&mut fit)?;
        fit.iter_mut().for_each(TableFit::turn);
        pass(&mut fit)?;
        Ok(fit.map(TableFit::finish))
    }

    /// Takes these rows of a table, with the table's `targets`, `[rows, target columns]`.
    pub fn add(&mut self, table: &Table, targets: &[f64], rows: &[usize]) {
        let (width, outputs) = (self.encoder.columns.len(), self.targets.len());
        for &row in rows {
            let mut feature = 0;
            for (column, missing) in self.missing.iter_mut().enumerate() {
                let cell = table.values[row * width + column];
                match self.encoder.kinds.get(column) {
                    Some(ColumnKind::Category(values)) => {
                        for place in 0..values.len() {
                            self.features[feature].add((cell == place as f64) as u8 as f64);
                            feature += 1;
                        }
                    }
                    _ => {
                        self.features[feature].add(cell);
                        feature += 1;
                    }
                }
                missing.add(cell.is_nan() as u8 as f64);
            }
            for (target, &value) in self.targets.iter_mut().zip(&targets[row * outputs..]) {
                target.add(value);
            }
        }
    }

    /// Between the first time and the second.
    fn turn(&mut self) {
        let all = [&mut self.features, &mut self.missing, &mut self.targets];
        all.into_iter().flatten().for_each(Moments::turn);
    }

    /// The encoder.
    fn finish(self) -> TableEncoder {
        let mut encoder = self.encoder;
        self.features.iter().for_each(|feature| encoder.push(feature));
        if encoder.missing == Missing::Indicator {
            for (column, moments) in self.missing.iter().enumerate() {
                if moments.sum > 0.0 {
                    encoder.indicators.push(column);
                    encoder.push(moments);
                }
            }
        }
        let scale = |target: &Moments| {
            let (mean, deviation, _) = target.found();
            (mean, deviation)
        };
        match &self.targets[..] {
            [] => {}
            [target] => encoder.target_scale = Some(scale(target)),
            several => {
                let named = self.target_names.into_iter().zip(several);
                let column = |(name, target)| {
                    let (mean, deviation) = scale(target);
                    TargetColumn { name, mean, deviation }
                };
                encoder.targets = named.map(column).collect();
            }
        }
        encoder
    }
}

impl TableEncoder {
    /// An encoder of columns of numbers that leaves them as they are.
    pub fn of_numbers(columns: &[String]) -> TableEncoder {
        TableEncoder {
            columns: columns.to_vec(),
            means: vec![0.0; columns.len()],
            deviations: vec![1.0; columns.len()],
            ..TableEncoder::default()
        }
    }

    /// Learns the scale of every feature, and of a regression's `targets` `[rows, target columns]`,
    /// from the rows of these numbers; from all without.
    pub fn fit(table: &Table, targets: Option<&[f64]>, rows: Option<&[usize]>) -> TableEncoder {
        TableEncoder::fit_with(table, targets, rows, Missing::Error)
    }

    /// As [`TableEncoder::fit`], taking missing values as `missing` says: with [`Missing::Indicator`], every column that
    /// has some in these rows gets a feature for it.
    pub fn fit_with(
        table: &Table,
        targets: Option<&[f64]>,
        rows: Option<&[usize]>,
        missing: Missing,
    ) -> TableEncoder {
        let mut fit = TableFit::new(table, targets.is_some(), missing);
        let all: Vec<usize>;
        let rows = match rows {
            Some(rows) => rows,
            None => {
                all = (0..table.values.len() / table.columns.len().max(1)).collect();
                &all
            }
        };
        fit.add(table, targets.unwrap_or_default(), rows);
        fit.turn();
        fit.add(table, targets.unwrap_or_default(), rows);
        fit.finish()
    }

    fn push(&mut self, feature: &Moments) {
        let (mean, deviation, is_constant) = feature.found();
        if is_constant {
            self.constant.push(self.means.len());
        }
        self.means.push(mean);
        self.deviations.push(deviation);
    }

    /// Learns the scale of every column of a matrix `[rows, width]`; columns are called by number.
    pub fn fit_matrix(values: &[f64], width: usize) -> TableEncoder {
        let columns = (0..width).map(|i| i.to_string()).collect();
        let table = Table { columns, values: values.to_vec(), ..Table::default() };
        TableEncoder::fit(&table, None, None)
    }

    /// What a column holds.
    fn kind(&self, column: usize) -> &ColumnKind {
        self.kinds.get(column).unwrap_or(&ColumnKind::Number)
    }

    /// The columns of numbers, each with its place among the features.
    pub(super) fn numbers(&self) -> Vec<[usize; 2]> {
        let mut numbers = Vec::new();
        let mut feature = 0;
        for column in 0..self.columns.len() {
            let kind = self.kind(column);
            if *kind == ColumnKind::Number {
                numbers.push([column, feature]);
            }
            feature += kind.width();
        }
        numbers
    }

    /// Number of features: inputs of the model.
    pub fn features(&self) -> usize {
        (0..self.columns.len()).map(|column| self.kind(column).width()).sum::<usize>()
            + self.indicators.len()
    }

    /// The names of the features: a column's own, `column=category`, `column is missing`.
    pub fn feature_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (column, name) in self.columns.iter().enumerate() {
            match self.kind(column) {
                ColumnKind::Category(values) => {
                    names.extend(values.iter().map(|value| format!("{name}={value}")));
                }
                _ => names.push(name.clone()),
            }
        }
        let missing = |&column: &usize| format!("{} is missing", self.columns[column]);
        names.extend(self.indicators.iter().map(missing));
        names
    }

    /// The value of a field of column `i`, as in [`Table::values`](super::Table), and whether it is a
    /// category that the model does not know and that counts as missing.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse_field(&self, i: usize, field: &str) -> Result<(f64, bool), String> {
        let (field, name) = (field.trim(), &self.columns[i]);
        let kind = self.kind(i);
        match kind.cell(field) {
            Cell::Value(value) => Ok((value, false)),
            Cell::Missing if self.missing != Missing::Error => Ok((f64::NAN, false)),
            Cell::Other if kind.takes_others(self.missing) => Ok((f64::NAN, true)),
            Cell::Missing | Cell::Other => Err(kind.refusal(name, field)),
        }
    }

    /// Names of the target columns.
    pub fn target_names(&self) -> Vec<String> {
        match (&self.targets[..], self.target.is_empty()) {
            ([], true) => Vec::new(),
            ([], false) => vec![self.target.clone()],
            (several, _) => several.iter().map(|target| target.name.clone()).collect(),
        }
    }

    /// A table's rows as a model reads them.
    pub fn inputs(&self, table: &Table) -> Inputs {
        Inputs::Matrix { values: self.encode(table), features: self.features() }
    }

    /// The rows standardised, `[rows, features]`. What is missing counts as the mean: 0.
    pub fn encode(&self, table: &Table) -> Vec<f32> {
        self.encode_values(&table.values)
    }

    /// As [`TableEncoder::encode`], of [`Table::values`].
    pub(crate) fn encode_values(&self, values: &[f64]) -> Vec<f32> {
        let width = self.columns.len().max(1);
        let mut is_constant = vec![false; self.means.len()];
        self.constant.iter().for_each(|&feature| is_constant[feature] = true);
        let mut rows = Vec::with_capacity(values.len() / width * self.features());
        for cells in values.chunks_exact(width) {
            let start = rows.len();
            let mut push = |value: f64| {
                let feature = rows.len() - start;
                rows.push(match value.is_nan() || is_constant[feature] {
                    true => 0.0,
                    false => ((value - self.means[feature]) / self.deviations[feature]) as f32,
                });
            };
            for (column, &cell) in cells.iter().enumerate() {
                match self.kind(column) {
                    ColumnKind::Category(values) => (0..values.len()).for_each(|place| {
                        let is_it = (cell == place as f64) as u8 as f64;
                        push(if cell.is_nan() { cell } else { is_it });
                    }),
                    _ => push(cell),
                }
            }
            for &column in &self.indicators {
                push(cells[column].is_nan() as u8 as f64);
            }
        }
        rows
    }

    /// Standardised rows in the features' own scale, `[rows, features]`.
    pub fn decode(&self, values: &[f32]) -> Vec<f32> {
        let scales = self.means.iter().zip(&self.deviations).cycle();
        values.iter().zip(scales).map(|(v, (mean, dev))| (*v as f64 * dev + mean) as f32).collect()
    }

    /// Mean and deviation of target column `i`.
    fn target_scale_of(&self, i: usize) -> (f64, f64) {
        match self.targets.get(i) {
            Some(target) => (target.mean, target.deviation),
            None => self.target_scale.unwrap_or((0.0, 1.0)),
        }
    }

    /// A regression's targets `[rows, target columns]` on the model's scale.
    pub fn encode_targets(&self, values: &[f64]) -> Vec<f32> {
        let scales = (0..self.targets.len().max(1)).map(|i| self.target_scale_of(i)).cycle();
        values.iter().zip(scales).map(|(v, (mean, dev))| ((v - mean) / dev) as f32).collect()
    }

    /// A regression's outputs `[rows, target columns]` on the targets' scale.
    pub fn decode_targets(&self, values: &[f32]) -> Vec<f64> {
        let scales = (0..self.targets.len().max(1)).map(|i| self.target_scale_of(i)).cycle();
        values.iter().zip(scales).map(|(v, (mean, dev))| *v as f64 * dev + mean).collect()
    }

    /// Whether the targets are numbers.
    pub fn is_regression(&self) -> bool {
        self.target_scale.is_some() || !self.targets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_standardised_and_come_back() {
        let kinds = vec![ColumnKind::Number, ColumnKind::Category(vec!["u".into(), "v".into()])];
        let columns = vec!["a".into(), "c".into()];
        let values = vec![1.0, 0.0, 3.0, 1.0, 5.0, 1.0, f64::NAN, f64::NAN];
        let table = Table { columns, kinds, values, ..Table::default() };
        let rows = [0, 1, 2, 3];
        let encoder = TableEncoder::fit_with(&table, None, Some(&rows), Missing::Indicator);
        assert_eq!(encoder.feature_names(), ["a", "c=u", "c=v", "a is missing", "c is missing"]);
        assert_eq!((encoder.features(), encoder.means[0]), (5, 3.0));
        let encoded = encoder.encode(&table);
        assert_eq!(encoded.len(), 20);
        assert_eq!(encoded[15], 0.0, "a missing number is the mean");
        assert!(encoded[18] > 1.0, "and is told");
        let back = encoder.decode(&encoded);
        assert!((back[0] - 1.0).abs() < 1e-6 && (back[1] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn what_never_changed_weighs_nothing() {
        let table = Table {
            columns: vec!["year".into(), "x".into()],
            values: vec![2023.1, 1.0, 2023.1, 2.0, 2023.1, 4.0],
            ..Table::default()
        };
        let encoder = TableEncoder::fit(&table, None, None);
        assert_eq!(encoder.constant, [0]);
        let other = Table { values: vec![2033.0, 2.0], ..table };
        assert_eq!(encoder.encode(&other)[0], 0.0);
        // Small changes of large numbers are changes.
        let times = (0..100).map(|i| 1.7e9 + i as f64 * 0.5).collect::<Vec<f64>>();
        assert!(TableEncoder::fit_matrix(&times, 1).constant.is_empty());
    }

    #[test]
    fn scales_come_from_the_training_rows_alone() {
        let table = Table {
            columns: vec!["x".into()],
            values: vec![1.0, 3.0, 1e6],
            target_names: vec!["y".into(), "z".into()],
            ..Table::default()
        };
        let targets = [1.0, 10.0, 3.0, 30.0, 1e9, 1e9];
        let encoder = TableEncoder::fit(&table, Some(&targets), Some(&[0, 1]));
        assert_eq!((encoder.means[0], encoder.deviations[0]), (2.0, 1.0));
        assert_eq!(encoder.targets[1].mean, 20.0);
        assert_eq!(encoder.decode_targets(&encoder.encode_targets(&[3.0, 30.0])), [3.0, 30.0]);
    }
}
