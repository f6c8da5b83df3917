//! Numbers of a table that lie far from all that a model has learned from, most rows of a column: grams where the training
//! rows had kilograms. A model answers to them as to any, so that it is said.

use super::account::NAMED;
use super::separated::listed;
use super::table_encoder::TableEncoder;

/// Standard deviations from the mean of the training rows from which on a number is far.
const FAR: f32 = 10.0;

/// What is seen of a model's columns of numbers, over the rows that it reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScaleWatch {
    rows: usize,
    columns: Vec<Watched>,
}

/// A column of numbers.
#[derive(Clone, Debug)]
struct Watched {
    /// Among the columns, and among the features.
    column: usize,
    feature: usize,
    /// Rows that are far, and the line and deviations of the first.
    far: usize,
    first: Option<(u64, f32)>,
}

impl ScaleWatch {
    /// Takes rows as the model reads them, `[rows, features]`, from these lines; of an array from row 1 on.
    pub fn add(&mut self, encoder: &TableEncoder, values: &[f32], lines: &[u64]) {
        if self.columns.is_empty() {
            let numbers = encoder.numbers();
            let watched =
                |[column, feature]: [usize; 2]| Watched { column, feature, far: 0, first: None };
            self.columns = numbers.into_iter().map(watched).collect();
        }
        for (row, values) in values.chunks_exact(encoder.features().max(1)).enumerate() {
            self.rows += 1;
            let line = lines.get(row).copied().unwrap_or(self.rows as u64);
            for watched in &mut self.columns {
                let deviations = values[watched.feature];
                if deviations.abs() > FAR {
                    watched.far += 1;
                    watched.first.get_or_insert((line, deviations));
                }
            }
        }
    }

    /// What is to be said: of columns of which more than half of the rows are far.
    pub fn said(&self, encoder: &TableEncoder) -> Option<String> {
        let mut far = self.columns.iter().filter(|watched| 2 * watched.far > self.rows);
        let first = far.next()?;
        let (line, deviations) = first.first?;
        let others: Vec<String> =
            far.map(|watched| encoder.columns[watched.column].clone()).collect();
        let others = match others.len() {
            0 => String::new(),
            1..=NAMED => format!(" (so are rows of {})", listed(&others)),
            many => format!(" (so are rows of {many} other columns)"),
        };
        let (mean, deviation) = (encoder.means[first.feature], encoder.deviations[first.feature]);
        Some(format!(
            "column \"{}\": {} of {} rows are more than {FAR} standard deviations from the mean of the training rows, {}; the first, of line {line}, is {}{others}. Are they in another unit? The model has seen nothing like them",
            encoder.columns[first.column],
            first.far,
            self.rows,
            shown(mean),
            shown(mean + deviation * deviations as f64),
        ))
    }
}

/// A number in five digits at most.
fn shown(value: f64) -> String {
    let digits = format!("{value:.4e}");
    let rounded: f64 = digits.parse().unwrap_or(value);
    rounded.to_string()
}
