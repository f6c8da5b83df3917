//! Tables that are more than memory shall hold: the file is read in blocks, once for each thing that is learned of it,
//! and the rows of numbers lie in a file of their own where they are many.
//!
//! What comes of it is what comes of the same table in memory (`tables.rs`): the same columns, scales, split and rows,
//! in the same order, and so the same model to the bit.

use std::path::Path;

use super::blocks::{InBlocks, Parts, check_rows, each_block, next_parts};
use super::labels::SeenRows;
use super::split::Split;
use super::tables::{Taken, check_scales, encode_table, task_of, validation_table};
use super::weights::{class_weights, count_classes, row_weights};
use super::{Given, Loaded};
use crate::data::{
    Account, BlockFile, ByteSource, KindsFit, Missing, NAMED, Table, TableColumns, TableEncoder,
    TableFit, TableTask, TargetsFit, read_columns_of, unknown_categories,
};
use crate::error::{Error, Result};
use crate::model::Preprocessor;
use crate::run::config::RunConfig;

/// A table, pass by pass.
struct Blocks<'c> {
    path: &'c Path,
    file: BlockFile,
    wanted: TableColumns<'c>,
    /// Rows of the file.
    rows: usize,
    /// Those that are validated on, rising.
    validation: Vec<usize>,
}

/// Reads a run's table in blocks.
///
/// # Errors
/// As those of tables in memory; [`Error::Usage`] for a pipe.
pub(super) fn load_table_blocks(
    config: &RunConfig,
    given: Given,
    blocks: &InBlocks,
) -> Result<Loaded> {
    let data = &config.data;
    let path = &data.train;
    let taken = Taken::of(config, given)?;
    let columns = taken.columns(config);
    let file = BlockFile::of_table(path, &columns, blocks.sizes.read)?;
    let mut account = Account::new(path);
    account.warnings.clone_from(&file.warnings);
    let found = match taken.known {
        Some(known) => known.clone(),
        None => find_columns(&file, &columns, &mut account)?,
    };
    let wanted = TableColumns { features: Some(&found), drop: &[], categories: &[], ..columns };
    let mut table = Blocks { path, file, wanted, rows: 0, validation: Vec::new() };
    let targets = table.read_targets(&mut account)?;
    let task = taken.task(data, targets.are_several, || targets.task(path))?;
    let (mut labels, mut classes) = (Vec::new(), None);
    if task == Some(TableTask::Classes) {
        let mut seen = SeenRows::default();
        table.pass(|block, _| {
            seen.add(&block.targets, &block.lines);
            Ok(())
        })?;
        let (found, numbers) = seen.finish(path, data, taken.labels, &mut account)?;
        (labels, classes) = (found, Some(numbers));
    }
    table.validation =
        Split::draw_validation(config, table.rows, classes.as_deref(), &mut account)?;
    let regression = task == Some(TableTask::Regression);
    let encoder = taken.encoder(table.fit(regression, data.missing)?);
    check_scales(&encoder, path, &mut account)?;
    let counts =
        || count_classes(classes.as_deref().unwrap_or_default(), labels.len(), &table.validation);
    let class_weight = config.training.class_weight.as_deref();
    let by_class = class_weights(class_weight, &labels, counts, false)?;
    drop(classes);
    let mut collected = blocks.collect();
    table.pass(|block, parts| {
        let weights = match block.weights.is_empty() {
            true => Vec::new(),
            false => parts[0].iter().map(|&row| block.weights[row]).collect(),
        };
        let all = encode_table(&encoder, &labels, &block, path)?;
        collected.take(&all, &parts, |rows| {
            row_weights(rows.target_values(), weights, by_class.as_deref())
        })
    })?;
    let (training, mut validation) = collected.finish(path)?;
    blocks.tell(&training, &mut account);
    let mut accounts = vec![account];
    if let Some(path) = &data.validation {
        let (dataset, account) = validation_table(path, &encoder, &labels, columns)?;
        accounts.push(account);
        validation = Some(dataset);
    }
    Ok(Loaded {
        training,
        validation,
        test: None,
        held_out: None,
        task: task_of(task, &labels),
        preprocessor: Preprocessor::Table(encoder),
        labels,
        embedding_rows: 0,
        accounts,
    })
}

/// The columns and what they hold.
fn find_columns(
    file: &BlockFile,
    columns: &TableColumns,
    account: &mut Account,
) -> Result<TableEncoder> {
    let mut kinds: Option<KindsFit> = None;
    for block in file.blocks()? {
        let block = block?;
        match &mut kinds {
            Some(kinds) => kinds.add_block(&block, columns)?,
            None => {
                kinds.insert(KindsFit::of_blocks(&block, columns)?).add_block(&block, columns)?;
            }
        }
    }
    let Some(kinds) = kinds else { return Err(no_rows(file.path())) };
    let missing = match columns.missing {
        Missing::Error => kinds.refuse_missing(),
        _ => Ok(()),
    };
    let encoder = kinds.encoder(columns, account)?;
    missing.map(|()| encoder)
}

fn no_rows(path: &Path) -> Error {
    Error::data(path, "the table has no rows below its header")
}

impl Blocks<'_> {
    /// Reads the file from its start, and gives each block with its parts.
    fn pass(&self, mut each: impl FnMut(Table, Parts) -> Result<()>) -> Result<()> {
        let (mut first, mut held) = (0, self.validation.iter().peekable());
        let read = |block: &ByteSource| read_columns_of(block, &self.wanted);
        each_block(&self.file, read, |table| {
            let (before, rows) = (first, table.rows());
            first += rows;
            let parts = next_parts(&mut held, before, rows);
            if rows > 0 { each(table, parts) } else { Ok(()) }
        })?;
        // The first pass counts them.
        if self.rows > 0 { check_rows(self.path, self.rows, first) } else { Ok(()) }
    }

    /// Counts the rows, and looks at the targets.
    fn read_targets(&mut self, account: &mut Account) -> Result<TargetsFit> {
        let (mut targets, mut rows) = (TargetsFit::default(), 0);
        let (mut unknown, mut unknown_lines) = (0, Vec::new());
        self.pass(|table, _| {
            targets.add(&table);
            rows += table.rows();
            // Of a model that was trained before.
            unknown += table.unknown.len();
            let room = NAMED - unknown_lines.len().min(NAMED);
            let lines = table.unknown.iter().take(room).map(|&row| table.lines[row]);
            unknown_lines.extend(lines);
            account.join(Account { warnings: Vec::new(), ..table.account });
            Ok(())
        })?;
        self.rows = rows;
        if rows == 0 {
            return Err(no_rows(self.path));
        }
        if unknown > 0 {
            account.warn(unknown_categories(&unknown_lines, unknown));
        }
        Ok(targets)
    }

    /// The scales of features and targets, of the rows that are trained on.
    fn fit(&self, regression: bool, missing: Missing) -> Result<TableEncoder> {
        let found = TableFit::in_passes(|fit| {
            self.pass(|table, [training, _]| {
                let targets = match regression {
                    true => table.numeric_targets(self.path)?,
                    false => Vec::new(),
                };
                let fit = fit.get_or_insert_with(|| TableFit::new(&table, regression, missing));
                fit.add(&table, &targets, &training);
                Ok(())
            })
        })?;
        found.ok_or_else(|| no_rows(self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::load::blocks::{accounts_of, assert_same};
    use crate::run::load::load_source;
    use crate::run::{RunKind, Settings};

    /// A table of numbers, categories, booleans and targets, with what is `missing` for some numbers.
    fn table(folder: &Path, missing: &str) -> std::path::PathBuf {
        let mut text = String::from(",height,colour,is_old,same,weight,price,kind\n");
        for row in 0..90u32 {
            let height = match row % 11 {
                7 => missing.to_owned(),
                _ => format!("{}", row * row % 37),
            };
            let colour = ["red", "green", "\"a, b\nc\""][(row * 7 % 3) as usize];
            text += &format!(
                "{row},{height},{colour},{},5,{},{}.25,{}\n",
                row % 2 == 0,
                row % 3,
                row * 13 % 29,
                ["up", "down", "1", "1.0"][(row * row % 4) as usize]
            );
            if row % 40 == 9 {
                text += "\n";
            }
        }
        let path = folder.join("t.csv");
        std::fs::write(&path, text).expect("written");
        path
    }

    fn same(settings: &Settings, folder: &Path) {
        let config = settings.resolve().expect("a run");
        let source = ByteSource::read(&config.data.train).expect("read");
        let whole = load_source(&config, &source, Given::Nothing, None);
        let blocks = load_table_blocks(&config, Given::Nothing, &InBlocks::small(folder));
        let Some([mut whole, blocks]) = assert_same(whole, blocks, "the table") else { return };
        let mut said = accounts_of(&blocks);
        whole.accounts.iter_mut().chain(&mut said).for_each(|account| account.warnings.sort());
        assert_eq!(whole.accounts, said);
    }

    #[test]
    fn tables_in_blocks_are_those_in_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        for missing in ["3.5", "NA"] {
            let path = table(folder.path(), missing);
            let with = |target: &str, change: &dyn Fn(&mut Settings)| {
                let mut settings = Settings::new(RunKind::Table, &path);
                settings.data.target_column = Some(target.into());
                settings.data.validation_split = Some(0.2);
                change(&mut settings);
                same(&settings, folder.path());
            };
            with("kind", &|_| {});
            for how in [Missing::Mean, Missing::Indicator] {
                with("kind", &|of| {
                    of.data.missing = Some(how);
                    of.training.class_weight = Some("balanced".into());
                });
                with("price", &|of| {
                    of.data.missing = Some(how);
                    of.data.weight_column = Some("weight".into());
                });
            }
            with("price,height", &|of| of.data.drop = Some(vec!["kind".into()]));
            with("price", &|of| {
                of.data.drop = Some(vec!["height".into()]);
                of.data.categories = Some(vec!["weight".into()]);
                of.data.validation_split = Some(0.0);
            });
            with("kind", &|of| of.data.target_column = Some("nothing".into()));
            with("price", &|of| of.data.task = Some(TableTask::Classes));
            with("colour", &|of| of.data.task = Some(TableTask::Regression));
        }
        // Rows that begin as files of other kinds do, at the border of a block too.
        let path = folder.path().join("m.csv");
        let row = |row: usize| format!("{},{},{}\n", ["PAR1", "%PDF"][row % 2], row % 5, row % 3);
        std::fs::write(&path, "a,b,c\n".to_owned() + &(0..90).map(row).collect::<String>())
            .expect("written");
        let mut settings = Settings::new(RunKind::Table, &path);
        settings.data.target_column = Some("c".into());
        same(&settings, folder.path());
        // Without names, with tabs.
        let path = folder.path().join("n.tsv");
        let rows: String =
            (0..50).map(|row| format!("{}\t{}\t{}\n", row % 7, row * 3, row % 2)).collect();
        std::fs::write(&path, rows).expect("written");
        let mut settings = Settings::new(RunKind::Table, &path);
        settings.data.target_column = Some("2".into());
        same(&settings, folder.path());
        std::fs::write(&path, "a\tb\n").expect("written");
        settings.data.target_column = Some("a".into());
        same(&settings, folder.path());
    }
}
