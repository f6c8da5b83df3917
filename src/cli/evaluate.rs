//! `wgslearn evaluate`: a model on data with known answers.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceOption, RowsOptions, in_unit, note, print, tell};
use crate::data::TextColumns;
use crate::files::write_whole;
use crate::model::Model;
use crate::run::{Evaluation, check_extension, check_output, evaluate};

/// Evaluate a model: loss, accuracy, and a report
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn evaluate model.safetensors test.csv
  wgslearn evaluate pictures.safetensors photos/ --mistakes mistakes.png
  wgslearn evaluate autoencoder.safetensors x.npy --targets x.npy --json")]
pub(super) struct Options {
    /// The model file
    model: PathBuf,
    /// Data like those it was trained on
    data: PathBuf,
    /// Targets of a .npy file, or the labels of pictures where they are not found by name
    #[arg(long, value_name = "FILE", visible_alias = "labels")]
    targets: Option<PathBuf>,
    /// Column or key of the text, or of the paths of pictures
    #[arg(long, default_value = "text", visible_alias = "path-column")]
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
    /// Where to draw the pictures of the most confident mistakes, for a classifier of pictures: a .png file
    #[arg(long, value_name = "FILE")]
    mistakes: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    if let Some(path) = &options.mistakes {
        check_extension(path, "pictures of mistakes", &["png"])?;
        let mut inputs = vec![options.model.as_path(), &options.data];
        inputs.extend(options.targets.as_deref());
        check_output(path, &inputs)?;
    }
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
    if let Some(path) = &options.mistakes {
        match found.mistakes.is_empty() && !model.labels.is_empty() {
            true => note(format_args!(
                "No picture was answered wrongly, so that {} is not written.",
                path.display()
            )),
            false => write_whole(path, &found.mistakes_png(&model)?)?,
        }
    }
    if options.json {
        return print(json(&found));
    }
    print(text(&found, &model))
}

/// What was found, for programs.
pub(super) fn json(found: &Evaluation) -> serde_json::Value {
    let mut json = serde_json::json!({
        "rows": found.rows,
        "loss": found.metrics.loss,
        "accuracy": found.metrics.accuracy,
        "report": found.classification,
        "labels": found.labels,
        "regression": found.regression,
        "data": found.account,
    });
    if !found.mistakes.is_empty() {
        json["mistakes"] = serde_json::json!(found.mistakes);
    }
    json
}

/// What was found, for people.
pub(super) fn text(found: &Evaluation, model: &Model) -> String {
    let mut text = format!("rows {}  loss {:.4}", found.rows, found.metrics.loss);
    if let Some(accuracy) = found.metrics.accuracy {
        text += &format!("  accuracy {accuracy:.4}");
    }
    if let Some(report) = &found.classification {
        text += &format!("\n\n{report}\n{}", report.confusion_text());
    }
    if let Some(report) = &found.labels {
        text += &format!("\n\n{report}");
    }
    if let Some(report) = &found.regression {
        text += &format!("\n{report}{}", in_unit(model));
    }
    text
}
