//! Rows that stand in the data more than once: what a run says of them before it trains.
//!
//! Rows to validate or test on that are also trained on make a model look better than it is on new ones; equal rows of
//! different classes are rows of which it must answer one wrongly. Rows are compared by what a model reads of them: a
//! text's ids, a picture's numbers.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::load::{Loaded, Task};
use crate::data::{Dataset, Rows, TrainingRows};
use crate::model::Preprocessor;

/// Of so many rows one that stands there twice is worth a word.
const ONE_OF: usize = 100;

/// What is to be said of a run's rows; nothing of those that are read in blocks, which are many.
pub(super) fn said_of(loaded: &Loaded) -> Vec<String> {
    let mut said = Vec::from_iter(all_alike(&loaded.training));
    let Some(training) = loaded.training.held().filter(|_| said.is_empty()) else { return said };
    let is_table = matches!(loaded.preprocessor, Preprocessor::Table(_));
    let has_classes = matches!(loaded.task, Task::Binary | Task::Classes);
    let test = loaded.test.as_ref().map(|test| &test.dataset);
    let held_out = loaded.held_out.as_ref();
    let apart =
        [("validation", loaded.validation.as_ref()), ("held-out", held_out), ("test", test)];
    if apart.iter().all(|(_, rows)| rows.is_none()) && (is_table || !has_classes) {
        return said;
    }
    let Known { places, contrary } = Known::of(training);
    // A table of few columns with few values each has the same rows again and again, and is right to.
    if is_table && places.len() * 4 < training.rows() {
        return said;
    }
    if !is_table && has_classes && contrary * ONE_OF > training.rows() {
        said.push(format!(
            "of {} training rows some are the same, as far as the model sees, and of different classes: it must answer {contrary} of them wrongly at least; label them alike, or leave some out",
            training.rows()
        ));
    }
    for (name, rows) in apart {
        let Some(rows) = rows else { continue };
        let known = (0..rows.rows()).filter(|&row| is_among(&places, rows, row)).count();
        if known * ONE_OF > rows.rows() {
            said.push(format!(
                "{known} of {} {name} rows are training rows too, as far as the model sees: on new rows it will do worse than it does on them; leave out what stands there twice",
                rows.rows()
            ));
        }
    }
    said
}

/// That nothing tells one training row from another, where that is so.
fn all_alike(training: &TrainingRows) -> Option<String> {
    let rows = training.rows();
    // What lies in a file, in blocks, is large: it is not looked through.
    let sample = training.sample();
    let is_alike = |pair: usize| bytes_of(sample, pair) == bytes_of(sample, pair - 1);
    (rows > 1 && rows == sample.rows() && (1..rows).all(is_alike))
        .then(|| format!("all {rows} training rows are alike: nothing is there to be told apart"))
}

/// The different rows of a data set.
struct Known<'d> {
    /// The first of each.
    places: Places<'d>,
    /// Rows that have another class than most that are the same.
    contrary: usize,
}

/// Rows as bytes, each with the first that has them.
type Places<'d> = HashMap<&'d [u8], usize, FixedState>;

impl Known<'_> {
    fn of(rows: &Dataset) -> Known<'_> {
        let (targets, width) = (rows.target_values(), rows.target_width());
        let mut places = Places::default();
        // Each row's first that is the same, and its class.
        let mut classes: Vec<(usize, &[u8])> = Vec::with_capacity(rows.rows());
        for row in 0..rows.rows() {
            let Some(bytes) = bytes_of(rows, row) else { continue };
            let class = targets.get(row * width..(row + 1) * width).unwrap_or_default();
            classes.push((*places.entry(bytes).or_insert(row), bytemuck::cast_slice(class)));
        }
        classes.sort_unstable();
        let contrary = classes.chunk_by(|a, b| a.0 == b.0).map(|same| {
            let most = same.chunk_by(|a, b| a.1 == b.1).map(<[_]>::len).max();
            same.len() - most.unwrap_or_default()
        });
        Known { contrary: contrary.sum(), places }
    }
}

fn is_among(places: &Places<'_>, rows: &Dataset, row: usize) -> bool {
    bytes_of(rows, row).is_some_and(|bytes| places.contains_key(bytes))
}

/// What a model reads of a row; none of a text without a word that it knows.
fn bytes_of(rows: &Dataset, row: usize) -> Option<&[u8]> {
    let inputs = rows.inputs();
    match inputs.as_rows() {
        Rows::Ids(ids) => {
            let ids = &ids[inputs.span(row)];
            // Without the padding, which may stand at either end.
            let first = ids.iter().position(|&id| id != 0)?;
            let last = ids.iter().rposition(|&id| id != 0)?;
            Some(bytemuck::cast_slice(&ids[first..=last]))
        }
        Rows::Matrix(values) => Some(bytemuck::cast_slice(&values[inputs.span(row)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Inputs, Targets};

    fn texts(values: &[u32], classes: &[f32]) -> Dataset {
        let inputs = Inputs::Ids { values: values.to_vec(), length: 3 };
        let targets = Targets::Values { values: classes.to_vec(), width: 1 };
        Dataset::new(inputs, targets, "texts").expect("rows")
    }

    #[test]
    fn rows_are_the_same_whatever_pads_them_and_empty_ones_are_none() {
        let ids = [1, 2, 0, 0, 1, 2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0];
        let rows = texts(&ids, &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        let known = Known::of(&rows);
        // Of three that are the same, one is of another class than most.
        assert_eq!((known.places.len(), known.contrary), (2, 1));
        assert!(is_among(&known.places, &rows, 1) && !is_among(&known.places, &rows, 3));
    }
}
