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

/// Rows that are set apart unasked, at most: more say little more, and every epoch would take them all.
const MOST_ROWS: f64 = 100_000.0;

/// The stream of random numbers that folds are drawn from: epochs have the first, the validation split the last.
const FOLDS: u64 = u64::MAX - 1;

/// Row numbers, each once, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Split {
    /// Rows to train on.
    pub training: Vec<usize>,
    /// Rows to validate on; none where there is no split.
    pub validation: Vec<usize>,
    /// Rows of the fold that is held out, to test on; none where there are no folds.
    pub held_out: Vec<usize>,
}

/// One of `of` parts of the rows, held out to test a model that is trained on the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run) struct Fold {
    /// Which, from 0.
    pub index: usize,
    /// How many there are, at least 2.
    pub of: usize,
}

impl Fold {
    /// The rows of this fold and those of the others, each in the order of the file. The rows of a class are dealt out
    /// one by one, in an order drawn by `seed`, and the next class's where those end: of each class, as of all rows,
    /// two folds differ by one row at most.
    fn part(self, rows: usize, classes: Option<&[f32]>, seed: u64) -> [Vec<usize>; 2] {
        let mut order: Vec<usize> =
            permutation(rows, seed, FOLDS).iter().map(|&row| row as usize).collect();
        if let Some(classes) = classes {
            order.sort_by(|&a, &b| classes[a].total_cmp(&classes[b]));
        }
        let mut is_held_out = vec![false; rows];
        order.iter().skip(self.index).step_by(self.of).for_each(|&row| is_held_out[row] = true);
        let (held_out, rest) = (0..rows).partition(|&row| is_held_out[row]);
        [held_out, rest]
    }
}

impl Split {
    /// As [`Split::draw`], with the rows of a fold held out before.
    ///
    /// # Errors
    /// As [`Split::draw`].
    pub fn draw_without(
        fold: Option<Fold>,
        config: &RunConfig,
        rows: usize,
        classes: Option<&[f32]>,
        account: &mut Account,
    ) -> Result<Split> {
        let Some(fold) = fold else { return Split::draw(config, rows, classes, account) };
        let [held_out, rest] = fold.part(rows, classes, config.training.seed);
        let classes: Option<Vec<f32>> =
            classes.map(|classes| rest.iter().map(|&row| classes[row]).collect());
        let split = Split::draw(config, rest.len(), classes.as_deref(), account)?;
        let of_rest = |rows: Vec<usize>| rows.into_iter().map(|row| rest[row]).collect();
        Ok(Split {
            training: of_rest(split.training),
            validation: of_rest(split.validation),
            held_out,
        })
    }

    /// Whether every row is trained on.
    pub fn is_whole(&self) -> bool {
        self.validation.is_empty() && self.held_out.is_empty()
    }

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
        let validation = Split::draw_validation(config, rows, classes, account)?;
        let mut held_out = validation.iter().copied().peekable();
        let training = (0..rows).filter(|&row| held_out.next_if_eq(&row).is_none()).collect();
        Ok(Split { training, validation, held_out: Vec::new() })
    }

    /// The rows to validate on, of [`Split::draw`], rising.
    ///
    /// # Errors
    /// As [`Split::draw`].
    pub fn draw_validation(
        config: &RunConfig,
        rows: usize,
        classes: Option<&[f32]>,
        account: &mut Account,
    ) -> Result<Vec<usize>> {
        let data = &config.data;
        let part = match data.validation_split {
            _ if data.validation.is_some() => return Ok(Vec::new()),
            Some(part) => part,
            None if rows < ENOUGH_ROWS => return Ok(Vec::new()),
            None => PART.min(MOST_ROWS / rows as f64),
        };
        if part == 0.0 {
            return Ok(Vec::new());
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
            return Ok(Vec::new());
        }
        let order = permutation(rows, config.training.seed, u64::MAX);
        let order = order.iter().map(|&row| row as usize);
        let mut validation = match classes {
            None => order.take(count).collect(),
            Some(classes) => stratified(order, classes, part, count),
        };
        validation.sort_unstable();
        if validation.is_empty() {
            account.warn(format!(
                "no class has rows enough for a validation split of {part}, so all rows are trained on"
            ));
        }
        Ok(validation)
    }

    /// Those of `items` that are trained on.
    pub fn training_of<'i, T>(&self, items: &'i [T]) -> Vec<&'i T> {
        self.training.iter().filter_map(|&row| items.get(row)).collect()
    }
}

/// Takes `part` of each class's rows, as they come in `order`, to validate on: what rounding leaves of `count` goes to
/// the classes that lost most by it.
fn stratified(
    order: impl Iterator<Item = usize>,
    classes: &[f32],
    part: f64,
    count: usize,
) -> Vec<usize> {
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
    order
        .filter(|&row| {
            let take = &mut takes[number(row)];
            let takes = *take > 0;
            *take -= takes as usize;
            takes
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_hold_out_every_row_once_and_every_class_evenly() {
        let classes: Vec<f32> = (0..47).map(|i| (i % 7 / 3) as f32).collect();
        for classes in [Some(&classes[..]), None] {
            let mut times = [0; 47];
            for index in 0..5 {
                let [held_out, rest] = Fold { index, of: 5 }.part(47, classes, 3);
                assert!((9..=10).contains(&held_out.len()) && held_out.len() + rest.len() == 47);
                held_out.iter().for_each(|&row| times[row] += 1);
                for class in [0.0, 1.0, 2.0] {
                    let Some(classes) = classes else { continue };
                    let of = |rows: &mut dyn Iterator<Item = usize>| {
                        rows.filter(|&row| classes[row] == class).count()
                    };
                    let (own, all) = (of(&mut held_out.iter().copied()), of(&mut (0..47)));
                    assert!(own == all / 5 || own == all.div_ceil(5), "{own} of {all}");
                }
            }
            assert_eq!(times, [1; 47]);
        }
        let drawn = |seed| Fold { index: 0, of: 5 }.part(47, None, seed);
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }

    #[test]
    fn every_class_keeps_its_part_of_both() {
        let classes: Vec<f32> =
            (0..103).map(|i| if i < 2 { 2.0 } else { (i % 2) as f32 }).collect();
        for seed in 0..20 {
            let order = permutation(classes.len(), seed, u64::MAX);
            let order = order.iter().map(|&row| row as usize);
            let validation = stratified(order, &classes, 0.3, 31);
            let count = |class: f32| validation.iter().filter(|&&r| classes[r] == class).count();
            assert_eq!(validation.len(), 31);
            // Two rows have it, of which one is trained on at least.
            assert!(count(2.0) <= 1, "seed {seed}");
            for class in [0.0, 1.0] {
                assert!((15..=16).contains(&count(class)), "seed {seed}");
            }
        }
        assert!(stratified(0..3, &[0.0, 1.0, 2.0], 0.5, 2).is_empty());
    }
}
