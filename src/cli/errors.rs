//! `wgslearn errors`: a classifier's mistakes on data with known answers.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceOption, RowsOptions, print, tell};
use crate::data::TextColumns;
use crate::model::Model;
use crate::printable::printable_field;
use crate::run::mistakes;

/// Show a classifier's most confident mistakes, and the classes that it confuses
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn errors model.safetensors test.csv -n 50

A line each, the surest first, with tabs between: line, truth, answer, probability of the answer, text.")]
pub(super) struct Options {
    /// The model file
    model: PathBuf,
    /// Data like those it was trained on
    data: PathBuf,
    /// Targets of a .npy file
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// Column or key of the text
    #[arg(long, default_value = "text")]
    text_column: String,
    /// Column or key of the label
    #[arg(long, default_value = "label")]
    label_column: String,
    /// What stands between several labels of a text; that of the training unless given
    #[arg(long, value_name = "TEXT")]
    label_separator: Option<String>,
    #[command(flatten)]
    rows: RowsOptions,
    /// Leave out texts without a known word, and rows whose label the model does not know
    #[arg(long)]
    skip_unknown: bool,
    /// How many mistakes
    #[arg(short = 'n', long, default_value_t = 20)]
    count: usize,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    let device = options.device.open()?;
    let columns = TextColumns {
        text: options.text_column.clone(),
        label: Some(options.label_column.clone()),
        format: options.rows.format,
        no_header: options.rows.no_header,
        label_separator: options.label_separator.clone(),
        ..TextColumns::default()
    };
    let (data, targets) = (&options.data, options.targets.as_deref());
    let (skip, count) = (options.skip_unknown, options.count);
    let found = mistakes(&model, data, targets, &columns, skip, count, &device)?;
    tell(&found.account, false);
    if options.json {
        return print(serde_json::to_string(&found)?);
    }
    let share = found.wrong as f64 / found.rows.max(1) as f64;
    print(format_args!("rows {}  wrong {} ({share:.4})", found.rows, found.wrong))?;
    for mistake in &found.mistakes {
        let (truth, answer) = (mistake.truth.to_string(), mistake.answer.to_string());
        print(format_args!(
            "{}\t{}\t{}\t{:.4}\t{}",
            mistake.line,
            printable_field(&truth),
            printable_field(&answer),
            mistake.probability,
            printable_field(&mistake.text)
        ))?;
    }
    if !found.confused.is_empty() {
        print("\nmost often confused (rows, truth -> answer)")?;
    }
    for pair in &found.confused {
        let (truth, answer) = (printable_field(&pair.truth), printable_field(&pair.answer));
        print(format_args!("{:>7}  {truth} -> {answer}", pair.rows))?;
    }
    Ok(())
}
