//! `wgslearn translate`: images to images.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceOption, note, print, tell};
use crate::model::Model;
use crate::run::{check_outputs, translate, translate_pictures, write_outputs};

/// Translate images by a model of `wgslearn train translate`, or clean them by a denoiser
///
/// A model whose layers are convolutions throughout, as those that `train translate` and `--noise` make, takes pictures of any
/// size, large ones in tiles without seams. Others, and those trained with `--size`, give pictures of the training's size.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn translate glasses.safetensors faces/ -o with-glasses/
  wgslearn translate glasses.safetensors face.png -o with-glasses.png
See `wgslearn reconstruct --targets` for errors and a grid.")]
pub(super) struct Options {
    /// The model file
    model: PathBuf,
    /// Images: a folder, one picture, an IDX file or a .npy file
    images: PathBuf,
    /// The folder to write to, a .png file for one picture, or a .npy file
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    let inputs = [options.model.as_path(), &options.images];
    check_outputs(&model, &options.output, &inputs)?;
    let device = options.device.open()?;
    let output = &options.output;
    if let Some((rows, account)) =
        translate_pictures(&model, &options.images, output, &inputs, &device)?
    {
        tell(&account, options.json);
        if options.json {
            return print(serde_json::json!({ "rows": rows, "output": output, "data": account }));
        }
        let pictures = if rows == 1 { "1 picture is" } else { &format!("{rows} pictures are") };
        note(format_args!("{pictures} in {}.", output.display()));
        return Ok(());
    }
    let (outputs, account) = translate(&model, &options.images, &device)?;
    tell(&account, options.json);
    let wrote = write_outputs(&model, &outputs, &options.output, &inputs)?;
    if options.json {
        let rows = outputs.rows();
        return print(serde_json::json!({ "rows": rows, "output": output, "data": account }));
    }
    note(format_args!("{wrote} are in {}.", options.output.display()));
    Ok(())
}
