//! Arrays of `.npy` files that are more than memory shall hold: matrices and pictures of an autoencoder or a translation,
//! and rows with targets. They are read some rows at a time, once for each thing that is learned of them, and lie, as a
//! model reads them, in a file of their own where they are many.
//!
//! What comes of it is what comes of the same arrays in memory (`matrices.rs`, `arrays.rs`), to the bit.

use std::path::Path;

use super::arrays::{check_count, dataset_of, embedding_rows, reads_ids, validation_arrays};
use super::blocks::{InBlocks, Parts, next_parts};
use super::matrices::{
    ArrayScale, Extent, Reading, Rows, autoencoder_dataset, check_finite, own_encoder, scaled,
    scaled_encoder, validation_of_own, validation_pairs, validation_scaled,
};
use super::split::Split;
use super::tables::check_scales;
use super::{Given, Loaded};
use crate::data::{
    Account, Array, ArrayFile, Dataset, Missing, Table, TableEncoder, TableFit, Targets,
};
use crate::error::{Error, Result};
use crate::model::Preprocessor;
use crate::run::config::RunConfig;

/// An array with its targets, pass by pass.
struct Arrays<'c> {
    config: &'c RunConfig,
    path: &'c Path,
    inputs: ArrayFile,
    /// Where the targets are, unless they are the inputs.
    targets: Option<(&'c Path, ArrayFile)>,
    /// Rows that are read at once.
    at_once: usize,
    /// Rows that are validated on, rising.
    validation: Vec<usize>,
}

/// Reads a run's arrays in blocks: as numbers that stand for themselves, or (`as_rows`) as the rows of an autoencoder or a
/// translation, which may be pictures and may be standardised.
///
/// # Errors
/// As those of arrays in memory; [`Error::Data`] for what is not read row by row: archives, packed files, pipes.
pub(super) fn load_array_blocks(
    config: &RunConfig,
    given: Given,
    as_rows: bool,
    blocks: &InBlocks,
) -> Result<Loaded> {
    let data = &config.data;
    let Some(targets) = &data.targets else {
        return Err(Error::usage(
            "a .npy file needs targets: name their file, or the same one for an autoencoder",
        ));
    };
    let inputs = ArrayFile::open(&data.train)?;
    let targets = match *targets == data.train {
        true => None,
        false => Some((targets.as_path(), ArrayFile::open(targets)?)),
    };
    if let Some((path, file)) = &targets {
        check_count(inputs.rows(), file.rows(), [&data.train, path])?;
    }
    let row_bytes = inputs.row_bytes() + targets.as_ref().map_or(0, |(_, file)| file.row_bytes());
    let mut account = Account::of_rows(&data.train, inputs.rows());
    let mut arrays = Arrays {
        config,
        path: &data.train,
        at_once: (blocks.sizes.read / row_bytes).max(1),
        inputs,
        targets,
        validation: Vec::new(),
    };
    let mut loaded = match as_rows {
        true => arrays.load_rows(given, blocks, &mut account)?,
        false => arrays.load_numbers(blocks, &mut account)?,
    };
    blocks.tell(&loaded.training, &mut account);
    loaded.accounts = vec![account];
    Ok(loaded)
}

/// Some rows, and what is known of the others.
struct Part {
    /// Rows before them.
    before: usize,
    inputs: Array,
    targets: Option<Array>,
    rows: Parts,
}

impl Arrays<'_> {
    /// Gives the rows of the arrays, some after the others.
    fn pass(&self, mut each: impl FnMut(Part) -> Result<()>) -> Result<()> {
        let (mut before, mut held) = (0, self.validation.iter().peekable());
        while before < self.inputs.rows() {
            let rows = before..(before + self.at_once).min(self.inputs.rows());
            let inputs = self.inputs.read(rows.clone())?;
            let of = self.targets.as_ref().map(|(_, file)| file.read(rows.clone()));
            let parts = next_parts(&mut held, before, rows.len());
            each(Part { before, inputs, targets: of.transpose()?, rows: parts })?;
            before = rows.end;
        }
        Ok(())
    }

    /// Collects what `dataset` makes of the rows.
    fn collect(
        &self,
        blocks: &InBlocks,
        mut dataset: impl FnMut(Part) -> Result<Dataset>,
    ) -> Result<Loaded> {
        let mut collected = blocks.collect();
        self.pass(|mut part| {
            let rows = std::mem::take(&mut part.rows);
            collected.take(&dataset(part)?, &rows, |_| Vec::new())
        })?;
        let (training, validation) = collected.finish(self.path)?;
        Ok(Loaded { training, validation, ..Loaded::nothing() })
    }

    /// Numbers that stand for themselves.
    fn load_numbers(&mut self, blocks: &InBlocks, account: &mut Account) -> Result<Loaded> {
        let targets = self.targets.as_ref().map_or(self.path, |(path, _)| path);
        let validation = validation_arrays(self.config, targets)?;
        if validation.is_none() {
            self.validation =
                Split::draw_validation(self.config, self.inputs.rows(), None, account)?;
        }
        let (reads_ids, mut ids) = (reads_ids(self.config), 0);
        let loaded = self.collect(blocks, |part| {
            let Part { before, inputs, targets, .. } = part;
            // Errors name rows by the file's numbers.
            if !reads_ids.unwrap_or(inputs.is_integer) {
                check_finite(&inputs.values, inputs.width, before, self.path)?;
            }
            if let Some(Array { values, width, .. }) = &targets
                && let Some(i) = values.iter().position(|value| !value.is_finite())
            {
                let (row, value) = (before + i / width + 1, values[i]);
                return Err(Error::data(
                    self.path,
                    format!("the target of row {row} is {value}, which is no finite number"),
                ));
            }
            let dataset = dataset_of(self.path, inputs, targets, reads_ids, before)?;
            ids = ids.max(embedding_rows(dataset.inputs()));
            Ok(dataset)
        })?;
        let validation = validation.or(loaded.validation);
        Ok(Loaded { validation, embedding_rows: ids, ..loaded })
    }

    /// The rows of an autoencoder or a translation.
    fn load_rows(
        &mut self,
        given: Given,
        blocks: &InBlocks,
        account: &mut Account,
    ) -> Result<Loaded> {
        let (config, given) = (self.config, given.preprocessor());
        let of_run = Reading::of_run(config);
        let reading = of_run.through(given);
        let mut ranges = [Extent::default(); 2];
        let mut broken: [Result<()>; 2] = [Ok(()), Ok(())];
        self.pass(|part| {
            let arrays =
                [(self.path, Some(&part.inputs)), (self.target_path(), part.targets.as_ref())];
            for (i, (path, array)) in arrays.into_iter().enumerate() {
                let Some(array) = array else { continue };
                ranges[i].take(&array.values);
                if broken[i].is_ok() {
                    broken[i] = check_finite(&array.values, array.width, part.before, path);
                }
            }
            Ok(())
        })?;
        let first = self.inputs.read(0..1)?;
        let scale = ArrayScale::of(&first, ranges[0], self.path, &reading, account)?;
        self.validation = Split::draw_validation(config, self.inputs.rows(), None, account)?;
        broken.into_iter().collect::<Result<()>>()?;
        let is_within = |range: Extent| range.low >= 0.0 && range.high <= 1.0;
        let rows = |array| scale.rows(array, Account::default());
        let Some((target_path, file)) = &self.targets else {
            let divisor = rows(first).divisor;
            let encoder = match own_encoder(scale.image, divisor, &config.images, given) {
                Some(encoder) => encoder,
                None if is_within(ranges[0]) => Preprocessor::None,
                None => {
                    let encoder = self.fit(&rows, None)?;
                    check_scales(&encoder, self.path, account)?;
                    Preprocessor::Table(encoder)
                }
            };
            let loaded = self.collect(blocks, |part| {
                autoencoder_dataset(rows(part.inputs), &encoder, self.path)
            })?;
            let width = loaded.training.sample().inputs().width();
            let validation = validation_of_own(config, &encoder, width)?.or(loaded.validation);
            return Ok(Loaded { validation, preprocessor: encoder, ..loaded });
        };
        let of = file.read(0..1)?;
        let mut said = Account::default();
        let target_scale =
            ArrayScale::of(&of, ranges[1], target_path, &Reading::of_targets(config), &mut said)?;
        account.warnings.extend(said.warnings);
        let targets = |array| target_scale.rows(array, Account::default());
        let encoder = match (scale.image, target_scale.image) {
            (Some(input), Some(output)) => Preprocessor::Image(
                config.images.encoder([input, output], [rows(first).divisor, targets(of).divisor]),
            ),
            (None, None)
                if matches!(given, Some(Preprocessor::Table(_)))
                    || !ranges.iter().all(|&range| is_within(range)) =>
            {
                let learned = self.fit(&rows, Some(&targets))?;
                let encoder = scaled_encoder(learned, given, self.path, account)?;
                let loaded = self.collect(blocks, |part| {
                    let table = rows(part.inputs).table(self.path)?;
                    let targets = targets(target_of(part.targets)?).table(target_path)?;
                    scaled(&encoder, &table, &targets, self.path)
                })?;
                let width = loaded.training.target_width();
                let validation = validation_scaled(config, &encoder, width)?.or(loaded.validation);
                let preprocessor = Preprocessor::Table(encoder);
                return Ok(Loaded { validation, preprocessor, ..loaded });
            }
            _ => Preprocessor::None,
        };
        let loaded = self.collect(blocks, |part| {
            let targets = targets(target_of(part.targets)?);
            let width = targets.width;
            let targets = Targets::Values { values: targets.reals(), width };
            Dataset::new(rows(part.inputs).inputs(), targets, self.path.display().to_string())
        })?;
        let width = loaded.training.sample().inputs().width();
        let validation = validation_pairs(config, &encoder, width)?.or(loaded.validation);
        Ok(Loaded { validation, preprocessor: encoder, ..loaded })
    }

    fn target_path(&self) -> &Path {
        self.targets.as_ref().map_or(self.path, |(path, _)| path)
    }

    /// The scale of every column, of the rows that are trained on, and of those of the targets.
    fn fit(
        &self,
        rows: &dyn Fn(Array) -> Rows,
        targets: Option<&dyn Fn(Array) -> Rows>,
    ) -> Result<TableEncoder> {
        let found = TableFit::in_passes(|fit| {
            self.pass(|part| {
                let table = rows(part.inputs).table(self.path)?;
                let of = match targets {
                    None => Table::default(),
                    Some(targets) => targets(target_of(part.targets)?).table(self.target_path())?,
                };
                let table = Table { target_names: of.columns.clone(), ..table };
                let new = || TableFit::new(&table, targets.is_some(), Missing::Error);
                fit.get_or_insert_with(new).add(&table, &of.values, &part.rows[0]);
                Ok(())
            })
        })?;
        found.ok_or_else(|| Error::data(self.path, "the array is empty"))
    }
}

fn target_of(targets: Option<Array>) -> Result<Array> {
    targets.ok_or_else(|| Error::usage("the rows have no targets"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::npy_bytes;
    use crate::run::load::blocks::{accounts_of, assert_same};
    use crate::run::load::load_given;
    use crate::run::{RunKind, Settings};

    /// Writes an array of numbers of this type: "f4", "i8" or "u1".
    fn array(path: &Path, kind: &str, shape: &[usize], value: impl Fn(usize) -> f64) {
        let count: usize = shape.iter().product();
        let values: Vec<f64> = (0..count).map(value).collect();
        let floats: Vec<f32> = values.iter().map(|&value| value as f32).collect();
        let bytes = npy_bytes(&floats, shape).expect("an array");
        if kind == "f4" {
            std::fs::write(path, bytes).expect("written");
            return;
        }
        let header = String::from_utf8_lossy(&bytes[..bytes.len() - 4 * count]).into_owned();
        let mut own = bytes[..bytes.len() - 4 * count].to_vec();
        let at = header.find("f4").expect("a type")
            - header.chars().filter(|c| *c == '\u{fffd}').count() * 2;
        own[at..at + 2].copy_from_slice(kind.as_bytes());
        match kind {
            "i8" => values.iter().for_each(|&value| own.extend((value as i64).to_le_bytes())),
            _ => own.extend(values.iter().map(|&value| value as u8)),
        }
        std::fs::write(path, own).expect("written");
    }

    fn same(kind: RunKind, folder: &Path, change: &dyn Fn(&mut Settings)) {
        let mut settings = Settings::new(kind, folder.join("x.npy"));
        settings.data.validation_split = Some(0.25);
        change(&mut settings);
        let config = settings.resolve().expect("a run");
        let whole = load_given(&config, Given::Nothing);
        let small = InBlocks::small(folder);
        let blocks =
            load_array_blocks(&config, Given::Nothing, config.builds_autoencoder(), &small);
        let Some([whole, blocks]) = assert_same(whole, blocks, "the array") else { return };
        assert_eq!(whole.accounts, accounts_of(&blocks));
    }

    #[test]
    fn arrays_in_blocks_are_those_in_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let (x, y) = (folder.join("x.npy"), folder.join("y.npy"));
        let hash = |i: usize| (i * 7919 % 1009) as f64;
        let autoencoder =
            |change: &dyn Fn(&mut Settings)| same(RunKind::Autoencoder, folder, change);
        let translation = |change: &dyn Fn(&mut Settings)| {
            same(RunKind::Translate, folder, &|of| {
                of.data.targets = Some(y.clone());
                change(of);
            });
        };
        let arrays = |change: &dyn Fn(&mut Settings)| {
            same(RunKind::Arrays, folder, &|of| {
                of.data.targets = Some(y.clone());
                change(of);
            });
        };
        // A matrix from 0 to 1, and one that is standardised.
        array(&x, "f4", &[61, 5], |i| hash(i) / 1009.0);
        array(&y, "f4", &[61, 3], |i| hash(i + 5) / 1009.0);
        autoencoder(&|_| {});
        translation(&|_| {});
        arrays(&|_| {});
        arrays(&|of| of.data.targets = Some(x.clone()));
        array(&y, "f4", &[61, 3], |i| hash(i + 5) - 500.0);
        translation(&|_| {});
        translation(&|of| of.data.validation_split = Some(0.0));
        array(&x, "f4", &[61, 5], |i| if i % 5 == 3 { 7.0 } else { hash(i) });
        autoencoder(&|_| {});
        translation(&|_| {});
        let held = folder.join("held.npy");
        array(&held, "f4", &[9, 5], |i| hash(i * 3));
        autoencoder(&|of| {
            of.data.validation = Some(held.clone());
            of.data.validation_split = None;
        });
        // Ids, and numbers that are none.
        array(&x, "i8", &[61, 5], |i| (hash(i) / 50.0).floor());
        arrays(&|_| {});
        array(&x, "i8", &[61, 5], |i| if i == 244 { -2.0 } else { hash(i) });
        arrays(&|_| {});
        array(&x, "f4", &[61, 5], |i| if i == 244 { f64::NAN } else { hash(i) });
        autoencoder(&|_| {});
        arrays(&|_| {});
        array(&x, "f4", &[61, 5], hash);
        array(&y, "f4", &[61, 3], |i| if i == 144 { f64::INFINITY } else { hash(i) });
        arrays(&|_| {});
        // Pictures of bytes, one of which is bright, as large as they are and smaller.
        array(&x, "u1", &[40, 4, 6], |i| if i == 700 { 255.0 } else { hash(i) % 90.0 });
        array(&y, "u1", &[40, 4, 6, 3], |i| hash(i) % 256.0);
        autoencoder(&|_| {});
        translation(&|_| {});
        #[cfg(feature = "pictures")]
        translation(&|of| of.images.size = Some((3, 2)));
        array(&y, "u1", &[39, 4, 6, 3], |i| hash(i) % 256.0);
        translation(&|_| {});
    }
}
