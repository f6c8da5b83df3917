//! Examples in memory: a row of ids or of features each, with its targets.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// The rows that a model reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Word ids, `[rows, length]`; 0 is padding.
    Ids {
        /// Row by row.
        values: Vec<u32>,
        /// Ids of a row.
        length: usize,
    },
    /// Word ids of rows of different lengths, without padding: texts for a model that reads any length, a bag or a mean
    /// over an embedding. A step over them costs what their ids cost.
    Ragged {
        /// Row by row.
        values: Vec<u32>,
        /// Where each row ends in `values`.
        ends: Vec<usize>,
        /// Ids of a row as the model's input says them; rows may have fewer or more.
        length: usize,
    },
    /// Features, `[rows, features]`.
    Matrix {
        /// Row by row.
        values: Vec<f32>,
        /// Features of a row.
        features: usize,
    },
}

impl Inputs {
    /// Elements of a row.
    pub fn width(&self) -> usize {
        match self {
            Inputs::Ids { length, .. } | Inputs::Ragged { length, .. } => *length,
            Inputs::Matrix { features, .. } => *features,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        let values = match self {
            Inputs::Ragged { ends, .. } => return ends.len(),
            Inputs::Ids { values, .. } => values.len(),
            Inputs::Matrix { values, .. } => values.len(),
        };
        values / self.width().max(1)
    }

    /// The same rows, borrowed: of ragged rows their ids alone.
    pub fn as_rows(&self) -> Rows<'_> {
        match self {
            Inputs::Ids { values, .. } | Inputs::Ragged { values, .. } => Rows::Ids(values),
            Inputs::Matrix { values, .. } => Rows::Matrix(values),
        }
    }

    /// Whether rows have lengths of their own.
    pub(crate) fn is_ragged(&self) -> bool {
        matches!(self, Inputs::Ragged { .. })
    }

    /// Where the ids of a ragged row lie among all.
    pub(crate) fn span(&self, row: usize) -> std::ops::Range<usize> {
        match self {
            Inputs::Ragged { ends, .. } => {
                row.checked_sub(1).map_or(0, |before| ends[before])..ends[row]
            }
            _ => row * self.width()..(row + 1) * self.width(),
        }
    }

    /// How many rows have so many elements.
    pub(crate) fn lengths(&self) -> BTreeMap<usize, usize> {
        let mut lengths = BTreeMap::new();
        for row in 0..self.rows() {
            *lengths.entry(self.span(row).len()).or_default() += 1;
        }
        lengths
    }

    /// Appends a row of other inputs of the same kind and width.
    pub(super) fn push_row_of(&mut self, other: &Inputs, row: usize) {
        let of = other.span(row);
        match (self, other) {
            (Inputs::Ids { values, .. }, Inputs::Ids { values: from, .. }) => {
                values.extend_from_slice(&from[of]);
            }
            (Inputs::Ragged { values, ends, .. }, Inputs::Ragged { values: from, .. }) => {
                values.extend_from_slice(&from[of]);
                ends.push(values.len());
            }
            (Inputs::Matrix { values, .. }, Inputs::Matrix { values: from, .. }) => {
                values.extend_from_slice(&from[of]);
            }
            _ => debug_assert!(false, "rows of two kinds"),
        }
    }

    /// Appends all rows of other inputs of the same kind and width.
    fn append(&mut self, other: Inputs) {
        match (self, other) {
            (Inputs::Ids { values, .. }, Inputs::Ids { values: from, .. }) => values.extend(from),
            (
                Inputs::Ragged { values, ends, .. },
                Inputs::Ragged { values: from, ends: of, .. },
            ) => {
                ends.extend(of.iter().map(|end| values.len() + end));
                values.extend(from);
            }
            (Inputs::Matrix { values, .. }, Inputs::Matrix { values: from, .. }) => {
                values.extend(from);
            }
            _ => debug_assert!(false, "rows of two kinds"),
        }
    }

    /// The rows of these numbers, in this order, each of which is below [`Inputs::rows`].
    pub(crate) fn take(&self, rows: &[usize]) -> Inputs {
        match self {
            Inputs::Ragged { values, length, .. } => {
                let (mut taken, mut ends) = (Vec::new(), Vec::with_capacity(rows.len()));
                for &row in rows {
                    taken.extend_from_slice(&values[self.span(row)]);
                    ends.push(taken.len());
                }
                Inputs::Ragged { values: taken, ends, length: *length }
            }
            Inputs::Ids { values, length } => {
                Inputs::Ids { values: take(values, *length, rows), length: *length }
            }
            Inputs::Matrix { values, features } => {
                Inputs::Matrix { values: take(values, *features, rows), features: *features }
            }
        }
    }
}

/// The rows that a model reads, borrowed: row by row, as wide as the model reads them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rows<'a> {
    /// Word ids; 0 is padding.
    Ids(&'a [u32]),
    /// Features.
    Matrix(&'a [f32]),
}

impl<'a> Rows<'a> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Rows::Ids(values) => values.len(),
            Rows::Matrix(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as bytes, in the machine's order.
    pub(super) fn as_bytes(self) -> &'a [u8] {
        match self {
            Rows::Ids(values) => bytemuck::cast_slice(values),
            Rows::Matrix(values) => bytemuck::cast_slice(values),
        }
    }

    /// The elements of this range, which is within.
    pub(crate) fn part(self, range: std::ops::Range<usize>) -> Rows<'a> {
        match self {
            Rows::Ids(values) => Rows::Ids(&values[range]),
            Rows::Matrix(values) => Rows::Matrix(&values[range]),
        }
    }

    /// Checks that these are whole rows of `width` finite elements.
    pub(crate) fn check(self, width: usize, source: &str) -> Result<()> {
        let wrong = |message: String| Err(Error::Data { place: source.to_owned(), message });
        if width == 0 {
            return wrong("a row has no elements, but a model reads at least one".into());
        }
        if !self.len().is_multiple_of(width) {
            return wrong(format!("{} values do not make rows of {width}", self.len()));
        }
        let Rows::Matrix(values) = self else { return Ok(()) };
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(i) => wrong(format!(
                "row {}, column {} holds {}, which is no finite number; remove or replace it",
                i / width + 1,
                i % width + 1,
                values[i]
            )),
        }
    }
}

/// What a model learns to answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// The inputs themselves: an autoencoder. Ids are given back as the bag of their words.
    Inputs,
    /// Values `[rows, width]`. For classes, width 1 with the class's number or, with one column a
    /// class, its distribution.
    Values {
        /// Row by row.
        values: Vec<f32>,
        /// Targets of a row.
        width: usize,
    },
}

/// Inputs with targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    inputs: Inputs,
    targets: Targets,
    /// What the loss of each row is multiplied by in training; empty where all count the same.
    weights: Vec<f32>,
    source: String,
}

impl Dataset {
    /// A data set of `inputs` and `targets`. `source` names where they came from, for messages.
    ///
    /// ```
    /// use wgslearn::{Dataset, Inputs, Targets};
    ///
    /// let inputs = Inputs::Ids { values: vec![3, 1, 0, 2, 2, 4], length: 3 };
    /// let targets = Targets::Values { values: vec![1.0, 0.0], width: 1 };
    /// let dataset = Dataset::new(inputs, targets, "two rows")?;
    /// assert_eq!(dataset.rows(), 2);
    /// # Ok::<(), wgslearn::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Data`] when there is no row, a row has no element, the numbers of rows differ, or
    /// a value is no finite number.
    pub fn new(inputs: Inputs, targets: Targets, source: impl Into<String>) -> Result<Dataset> {
        let source = source.into();
        let wrong = |message: String| Err(Error::Data { place: source.clone(), message });
        let (rows, width) = (inputs.rows(), inputs.width());
        if width == 0 || rows == 0 {
            return wrong("there are no rows to learn from".into());
        }
        match &inputs {
            Inputs::Ragged { values, ends, .. } => {
                if !ends.is_sorted() || ends.last() != Some(&values.len()) {
                    return wrong(format!(
                        "the ends of {rows} rows do not fit their {} ids; each row ends where the next begins, the last with the ids",
                        values.len()
                    ));
                }
            }
            _ => inputs.as_rows().check(width, &source)?,
        }
        match &targets {
            Targets::Inputs => {}
            Targets::Values { values, width } => {
                if *width == 0 || values.len() != rows * width {
                    return wrong(format!(
                        "{rows} rows of inputs, but {} rows of targets",
                        values.len() / (*width).max(1)
                    ));
                }
                if let Some(i) = values.iter().position(|value| !value.is_finite()) {
                    return wrong(format!(
                        "the target of row {} is {}, which is no finite number",
                        i / width + 1,
                        values[i]
                    ));
                }
            }
        }
        Ok(Dataset { inputs, targets, weights: Vec::new(), source })
    }

    /// A data set of parts that come from one.
    pub(super) fn of_checked(
        inputs: Inputs,
        targets: Targets,
        weights: Vec<f32>,
        source: String,
    ) -> Dataset {
        Dataset { inputs, targets, weights, source }
    }

    /// Appends the rows of another data set of the same kind.
    pub(crate) fn append(&mut self, other: Dataset) {
        self.inputs.append(other.inputs);
        if let (Targets::Values { values, .. }, Targets::Values { values: from, .. }) =
            (&mut self.targets, other.targets)
        {
            values.extend(from);
        }
        self.weights.extend(other.weights);
    }

    /// The same with a weight for each row: what its loss is multiplied by in training. The mean is over the rows as they
    /// are counted, whatever they weigh (Keras' `sample_weight` and `sum_over_batch_size`); evaluations do not weigh.
    ///
    /// # Errors
    /// [`Error::Data`] when there are not as many as rows, one is below 0 or no finite number, all are 0, or the targets
    /// are the inputs.
    pub fn with_weights(self, weights: Vec<f32>) -> Result<Dataset> {
        let wrong = |message: String| Err(Error::Data { place: self.source.clone(), message });
        if self.targets == Targets::Inputs {
            return wrong("rows that are given back have no weights; leave them out".into());
        }
        if weights.len() != self.rows() {
            return wrong(format!("{} weights for {} rows", weights.len(), self.rows()));
        }
        let is_wrong = |weight: &f32| !(weight.is_finite() && *weight >= 0.0);
        if let Some(row) = weights.iter().position(is_wrong) {
            return wrong(format!(
                "the weight of row {} is {}, but weights are finite and not below 0",
                row + 1,
                weights[row]
            ));
        }
        if weights.iter().all(|&weight| weight == 0.0) {
            return wrong("every row weighs 0, so there is nothing to learn from".into());
        }
        Ok(Dataset { weights, ..self })
    }

    /// The same with a weight for each row, which were checked, of a part of the rows.
    pub(crate) fn with_part_weights(self, weights: Vec<f32>) -> Dataset {
        debug_assert!(weights.is_empty() || weights.len() == self.rows(), "a weight for each row");
        Dataset { weights, ..self }
    }

    /// The weight of each row; empty where all count the same.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The inputs.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// The inputs, taken out.
    pub fn into_inputs(self) -> Inputs {
        self.inputs
    }

    /// The targets.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Where the rows came from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.inputs.rows()
    }

    /// Targets of a row.
    pub fn target_width(&self) -> usize {
        match &self.targets {
            Targets::Inputs => self.inputs.width(),
            Targets::Values { width, .. } => *width,
        }
    }

    /// The targets as a slice `[rows, target_width]`.
    pub fn target_values(&self) -> &[f32] {
        match (&self.targets, &self.inputs) {
            (Targets::Values { values, .. }, _) => values,
            (Targets::Inputs, Inputs::Matrix { values, .. }) => values,
            (Targets::Inputs, Inputs::Ids { .. } | Inputs::Ragged { .. }) => &[],
        }
    }

    /// The rows of these numbers, in this order.
    ///
    /// # Errors
    /// [`Error::Usage`] when a number is not below [`Dataset::rows`].
    pub fn rows_of(&self, rows: &[usize]) -> Result<Dataset> {
        match rows.iter().find(|&&row| row >= self.rows()) {
            None => Ok(self.take(rows)),
            Some(row) => Err(Error::usage(format!(
                "row {row} is asked for, but {} has the rows 0 to {}",
                self.source,
                self.rows() - 1
            ))),
        }
    }

    /// The rows of these numbers, each of which is below [`Dataset::rows`].
    pub(crate) fn take(&self, rows: &[usize]) -> Dataset {
        let targets = match &self.targets {
            Targets::Inputs => Targets::Inputs,
            Targets::Values { values, width } => {
                Targets::Values { values: take(values, *width, rows), width: *width }
            }
        };
        let weights = match self.weights.is_empty() {
            true => Vec::new(),
            false => take(&self.weights, 1, rows),
        };
        Dataset { inputs: self.inputs.take(rows), targets, weights, source: self.source.clone() }
    }

    /// Splits off `fraction` of the rows, drawn by `seed`: (rest, split). Each part keeps its rows
    /// in the order of the file and has at least one.
    ///
    /// # Errors
    /// [`Error::Usage`] when the fraction is not between 0 and 1, or leaves a part empty.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Dataset, Dataset)> {
        let rows = self.rows();
        let count = (rows as f64 * fraction).round() as usize;
        if !(fraction > 0.0 && fraction < 1.0) || count == 0 || count == rows {
            return Err(Error::usage(format!(
                "a validation split of {fraction} of {rows} rows leaves one part empty; choose one between 0 and 1, or 0 for none"
            )));
        }
        let order = permutation(rows, seed, u64::MAX);
        let mut split: Vec<usize> = order[..count].iter().map(|&row| row as usize).collect();
        let mut rest: Vec<usize> = order[count..].iter().map(|&row| row as usize).collect();
        split.sort_unstable();
        rest.sort_unstable();
        Ok((self.take(&rest), self.take(&split)))
    }

    /// Checks that every id is below `rows`, the size of an embedding.
    ///
    /// # Errors
    /// [`Error::Data`] names the first place that is not.
    pub fn check_ids(&self, rows: usize) -> Result<()> {
        check_ids_in(&self.inputs, rows, &self.source)
    }
}

/// Checks that every id of these rows is below `rows`, the size of an embedding.
pub(crate) fn check_ids_in(inputs: &Inputs, rows: usize, source: &str) -> Result<()> {
    match inputs {
        Inputs::Ids { values, length } => check_ids_of(values, *length, rows, source),
        Inputs::Ragged { values, ends, .. } => {
            let Some(at) = values.iter().position(|&id| id as usize >= rows) else { return Ok(()) };
            let row = ends.partition_point(|&end| end <= at);
            let place = at - inputs.span(row).start;
            Err(outside(
                values[at],
                rows,
                format!("{source}, row {}, position {}", row + 1, place + 1),
            ))
        }
        Inputs::Matrix { .. } => Ok(()),
    }
}

/// The error of an id that an embedding of `rows` rows has not.
fn outside(id: u32, rows: usize, place: String) -> Error {
    Error::Data {
        place,
        message: format!(
            "the id {id} is outside the embedding's {rows} rows (0 to {}); give the embedding more rows or correct the id",
            rows - 1
        ),
    }
}

/// Checks that every id of rows of `length` is below `rows`.
pub(crate) fn check_ids_of(values: &[u32], length: usize, rows: usize, source: &str) -> Result<()> {
    match values.iter().position(|&id| id as usize >= rows) {
        None => Ok(()),
        Some(i) => Err(outside(
            values[i],
            rows,
            format!("{source}, row {}, position {}", i / length + 1, i % length + 1),
        )),
    }
}

fn take<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
    rows.iter().flat_map(|&row| &values[row * width..(row + 1) * width]).copied().collect()
}

/// Leaves out the marked rows of `[rows, width]` values.
pub(super) fn leave_out<T>(values: &mut Vec<T>, width: usize, marked: &[bool]) {
    let mut places = 0..;
    values.retain(|_| {
        let row = places.next().unwrap_or(0) / width.max(1);
        !marked.get(row).copied().unwrap_or_default()
    });
}

/// The numbers 0..rows in an order drawn by (seed, stream): Fisher and Yates' shuffle with a
/// fixed generator, so that a seed means the same order everywhere. Streams are epochs.
pub fn permutation(rows: usize, seed: u64, stream: u64) -> Vec<u32> {
    use rand::rngs::ChaCha8Rng;
    use rand::{Rng, SeedableRng};
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    let mut order: Vec<u32> = (0..rows as u32).collect();
    for i in (1..rows).rev() {
        // The high half of a 64-bit product: a number from 0 to i, uniform to 1 in 2^32.
        let j = ((generator.next_u64() >> 32) * (i as u64 + 1)) >> 32;
        order.swap(i, j as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_holds_every_row_once_and_depends_on_seed_and_epoch() {
        let a = permutation(1000, 7, 0);
        let mut sorted = a.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(i, &row)| i as u32 == row));
        assert_eq!(a, permutation(1000, 7, 0));
        assert_ne!(a, permutation(1000, 7, 1));
        assert_ne!(a, permutation(1000, 8, 0));
        // A seed means the same in every version.
        assert_eq!(permutation(8, 7, 3), [6, 2, 3, 4, 7, 5, 0, 1]);
    }

    #[test]
    fn a_split_takes_each_row_once() {
        let inputs = Inputs::Matrix { values: (0..20).map(|v| v as f32).collect(), features: 2 };
        let all = Dataset::new(inputs, Targets::Inputs, "test").expect("rows");
        let (rest, split) = all.split(0.3, 1).expect("a split");
        assert_eq!((rest.rows(), split.rows()), (7, 3));
        let mut seen: Vec<f32> = [rest.target_values(), split.target_values()].concat();
        seen.sort_by(f32::total_cmp);
        assert_eq!(seen, all.target_values());
        assert!(all.split(0.01, 1).is_err());
    }
}
