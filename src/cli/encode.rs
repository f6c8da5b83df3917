//! `wgslearn encode` and `wgslearn decode`: rows to codes and back.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceOption, WeightingOption, note, print, tell};
use crate::model::Model;
use crate::run::{
    Weighting, check_output, check_outputs, decode, encode, encode_documents, write_outputs,
};

/// Encode data by an autoencoder, or texts by word vectors: one code a row
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn encode autoencoder.safetensors t10k-images-idx3-ubyte.gz -o codes.npy
  wgslearn encode autoencoder.safetensors reviews.csv -o codes.csv
  wgslearn encode words.safetensors reviews.csv -o vectors.npy --weighting sif")]
pub(super) struct EncodeOptions {
    /// The model file
    model: PathBuf,
    /// Data like those it was trained on
    data: PathBuf,
    /// Where to write the codes: .npy, or .csv with the rows' numbers (and names) in front
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Column or key of the text
    #[arg(long, default_value = "text")]
    text_column: String,
    #[command(flatten)]
    weighting: WeightingOption,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run_encode(options: &EncodeOptions) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    model.latent_width()?;
    check_output(&options.output, &[&options.model, &options.data])?;
    let device = options.device.open()?;
    let (data, column) = (&options.data, options.text_column.as_str());
    let (codes, account) = match options.weighting.get() {
        Weighting::Sif => encode_documents(&model, data, column)?,
        _ => encode(&model, data, column, &device)?,
    };
    tell(&account, options.json);
    let names: Vec<String> = (0..codes.width).map(|i| format!("code_{i}")).collect();
    codes.write(&options.output, &names)?;
    let (rows, width) = (codes.rows(), codes.width);
    if options.json {
        let output = &options.output;
        return print(
            serde_json::json!({ "rows": rows, "width": width, "output": output, "data": account }),
        );
    }
    note(format_args!("{rows} codes of {width} elements are in {}.", options.output.display()));
    Ok(())
}

/// Decode codes by an autoencoder: what they give back
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn decode autoencoder.safetensors codes.npy -o pictures/
  wgslearn decode autoencoder.safetensors codes.csv -o rows.csv")]
pub(super) struct DecodeOptions {
    /// The model file
    model: PathBuf,
    /// Codes as `wgslearn encode` writes them: .npy or .csv
    codes: PathBuf,
    /// Where to write: a folder for images, else a .npy or .csv file (of texts the likeliest words)
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run_decode(options: &DecodeOptions) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    let device = options.device.open()?;
    let inputs = [options.model.as_path(), &options.codes];
    check_outputs(&model, &options.output, &inputs)?;
    let outputs = decode(&model, &options.codes, &device)?;
    let wrote = write_outputs(&model, &outputs, &options.output, &inputs)?;
    if options.json {
        let (rows, width) = (outputs.rows(), outputs.width);
        let output = &options.output;
        return print(serde_json::json!({ "rows": rows, "width": width, "output": output }));
    }
    note(format_args!("{wrote} are in {}.", options.output.display()));
    Ok(())
}
