//! `wgslearn evaluate`: a model on data with known answers.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceOption, RowsOptions, in_unit, print, tell};
use crate::data::TextColumns;
use crate::model::Model;
use crate::run::evaluate;

/// Evaluate a model: loss, accuracy, and a report
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn evaluate model.safetensors test.csv
  wgslearn evaluate autoencoder.safetensors x.npy --targets x.npy --json")]
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
    /// Leave out texts without a known word
    #[arg(long)]
    skip_unknown: bool,
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
    let targets = options.targets.as_deref();
    let found = evaluate(&model, &options.data, targets, &columns, options.skip_unknown, &device)?;
    // Its rows are in the object.
    tell(&found.account, options.json);
    if options.json {
        return print(serde_json::json!({
            "rows": found.rows,
            "loss": found.metrics.loss,
            "accuracy": found.metrics.accuracy,
            "report": found.classification,
            "labels": found.labels,
            "regression": found.regression,
            "data": found.account,
        }));
    }
    let mut text = format!("rows {}  loss {:.4}", found.rows, found.metrics.loss);
    if let Some(accuracy) = found.metrics.accuracy {
        text += &format!("  accuracy {accuracy:.4}");
    }
    print(text)?;
    if let Some(report) = &found.classification {
        print(format_args!("\n{report}\n{}", report.confusion_text()))?;
    }
    if let Some(report) = &found.labels {
        print(format_args!("\n{report}"))?;
    }
    if let Some(report) = &found.regression {
        print(format_args!("{report}{}", in_unit(&model)))?;
    }
    Ok(())
}
