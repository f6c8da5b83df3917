//! Which rows are trained on and which validated on, before anything is learned from them: a
//! vocabulary, a scale and a category come from the training rows alone.

use crate::data::{Account, permutation};
use crate::error::{Error, Result};
use crate::run::config::RunConfig;

/// Part of the rows that are validated on where no part is asked for.
const PART: f64 = 0.1;

/// Rows from which on some are set apart unasked. Of fewer, a tenth says little of a model, and is
/// missed in training.
const ENOUGH_ROWS: usize = 2000;

/// Row numbers, each once, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Split {
    /// Rows to train on.
    pub training: Vec<usize>,
    /// Rows to validate on; none where there is no split.
    pub validation: Vec<usize>,
}

impl Split {
    /// Draws the split that a run asks for of `rows` rows. With `classes`, the number of each row's
    /// class, every class keeps its part of both, and at least one row to train on.
    ///
    /// # Errors
    /// [`Error::Usage`] when the part is not between 0 and 1.
    pub fn draw(
        config: &RunConfig,
        rows: usize,
        classes: Option<&[f32]>,
        account: &mut Account,
    ) -> Result<Split> {
        let data = &config.data;
        let whole = Split { training: (0..rows).collect(), validation: Vec::new() };
        let part = match data.validation_split {
            _ if data.validation.is_some() => return Ok(whole),
            Some(part) => part,
            None if rows < ENOUGH_ROWS => return Ok(whole),
            None => PART,
        };
        if part == 0.0 {
            return Ok(whole);
        }
        if !(part > 0.0 && part < 1.0) {
            return Err(Error::usage(format!(
                "a validation split of {part} leaves one part empty; choose one between 0 and 1, or 0 for none"
            )));
        }
        let count = (rows as f64 * part).round() as usize;
        if count == 0 || count == rows {
            account.warn(format!(
                "a validation split of {part} of {rows} rows leaves one part empty, so all rows are trained on"
            ));
            return Ok(whole);
        }
        let order = permutation(rows, config.training.seed, u64::MAX);
        let order = order.iter().map(|&row| row as usize);
        let mut split = match classes {
            None => {
                let order: Vec<usize> = order.collect();
                Split { training: order[count..].to_vec(), validation: order[..count].to_vec() }
            }
            Some(classes) => stratified(order, classes, part, count),
        };
        split.training.sort_unstable();
        split.validation.sort_unstable();
        if split.validation.is_empty() {
            account.warn(format!(
                "no class has rows enough for a validation split of {part}, so all rows are trained on"
            ));
        }
        Ok(split)
    }

    /// The parts of `items` that are trained and validated on.
    pub fn of<'i, T>(&self, items: &'i [T]) -> [Vec<&'i T>; 2] {
        let part = |rows: &[usize]| rows.iter().filter_map(|&row| items.get(row)).collect();
        [part(&self.training), part(&self.validation)]
    }
}

/// Takes `part` of each class's rows, as they come in `order`: what rounding leaves of `count` goes to
/// the classes that lost most by it.
fn stratified(
    order: impl Iterator<Item = usize>,
    classes: &[f32],
    part: f64,
    count: usize,
) -> Split {
    let number = |row: usize| classes[row].max(0.0) as usize;
    let most = (0..classes.len()).map(number).max().unwrap_or(0);
    let mut sizes = vec![0usize; most + 1];
    (0..classes.len()).for_each(|row| sizes[number(row)] += 1);
    let mut takes: Vec<usize> = sizes.iter().map(|&size| (size as f64 * part) as usize).collect();
    let lost = |class: usize, takes: &[usize]| sizes[class] as f64 * part - takes[class] as f64;
    let mut left = count.saturating_sub(takes.iter().sum());
    let mut by_loss: Vec<usize> = (0..sizes.len()).collect();
    by_loss.sort_by(|&a, &b| lost(b, &takes).total_cmp(&lost(a, &takes)).then(a.cmp(&b)));
    for class in by_loss {
        // Every class keeps at least one row to train on.
        if left > 0 && takes[class] + 1 < sizes[class] {
            takes[class] += 1;
            left -= 1;
        }
    }
    let mut split = Split { training: Vec::new(), validation: Vec::new() };
    for row in order {
        let take = &mut takes[number(row)];
        if *take > 0 {
            *take -= 1;
            split.validation.push(row);
        } else {
            split.training.push(row);
        }
    }
    split
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_keeps_its_part_of_both() {
        let classes: Vec<f32> =
            (0..103).map(|i| if i < 2 { 2.0 } else { (i % 2) as f32 }).collect();
        for seed in 0..20 {
            let order = permutation(classes.len(), seed, u64::MAX);
            let order = order.iter().map(|&row| row as usize);
            let split = stratified(order, &classes, 0.3, 31);
            let count =
                |rows: &[usize], class: f32| rows.iter().filter(|&&r| classes[r] == class).count();
            assert_eq!(split.validation.len(), 31);
            assert_eq!(split.training.len(), 72);
            assert!(count(&split.training, 2.0) >= 1, "seed {seed}");
            for class in [0.0, 1.0] {
                assert!((15..=16).contains(&count(&split.validation, class)), "seed {seed}");
            }
        }
        let lone = stratified(0..3, &[0.0, 1.0, 2.0], 0.5, 2);
        assert!(lone.validation.is_empty());
    }
}
