//! `wgslearn quantize`: a model's table in fewer bits.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, builder::TypedValueParser};

use super::{DeviceOption, RowsOptions, print, tell};
use crate::data::TextColumns;
use crate::model::Storage;
use crate::run::quantize;

/// Store a model's table of vectors in fewer bits, and say what that costs
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn quantize model.safetensors -o small.safetensors --to int8 --data test.csv")]
pub(super) struct Options {
    /// The model file
    model: PathBuf,
    /// Where to write the small model
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// int8 (a byte and a scale for each row), f16 (half precision), or f32 (as it was)
    #[arg(long, default_value = "int8", value_name = "STORAGE", value_parser = storages())]
    to: Storage,
    /// Data like those it was trained on, to measure what is lost
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
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
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn storages() -> impl TypedValueParser<Value = Storage> {
    PossibleValuesParser::new(["int8", "f16", "f32"]).map(|name| match name.as_str() {
        "int8" => Storage::Int8,
        "f16" => Storage::F16,
        _ => Storage::F32,
    })
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let device = options.device.open()?;
    let columns = TextColumns {
        text: options.text_column.clone(),
        label: Some(options.label_column.clone()),
        format: options.rows.format,
        no_header: options.rows.no_header,
        label_separator: options.label_separator.clone(),
        ..TextColumns::default()
    };
    let data = options.data.as_deref().map(|path| (path, &columns));
    let (model, output, skip) = (&options.model, &options.output, options.skip_unknown);
    let found = quantize(model, output, options.to, data, skip, &device)?;
    if let Some(account) = &found.account {
        tell(account, false);
    }
    if options.json {
        return print(serde_json::to_string(&found)?);
    }
    let (before, after) = (found.bytes_before, found.bytes);
    print(format_args!(
        "{before} bytes -> {after} bytes ({:.3})",
        after as f64 / before.max(1) as f64
    ))?;
    let (Some(before), Some(after)) = (found.before, found.after) else {
        return print("what is lost was not measured: name data to measure it on");
    };
    print(format_args!("loss {:.4} -> {:.4} on {} rows", before.loss, after.loss, found.rows))?;
    if let (Some(before), Some(after)) = (before.accuracy, after.accuracy) {
        print(format_args!("accuracy {before:.4} -> {after:.4}, {:.4} lost", before - after))?;
    }
    Ok(())
}
