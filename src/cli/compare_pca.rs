//! `wgslearn compare-pca`: an autoencoder beside a PCA of the same width.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceOption, in_unit, note, print};
use crate::files::write_whole;
use crate::model::Model;
use crate::report::PlotFormat;
use crate::run::{check_extension, check_output, compare_pca};

/// Compare an autoencoder with a PCA of as many dimensions: errors, their ratio, both codes drawn
#[derive(Debug, Args)]
#[command(after_help = "Example:
  wgslearn compare-pca autoencoder.safetensors t10k-images-idx3-ubyte.gz -o codes.png")]
pub(super) struct Options {
    /// The model file
    model: PathBuf,
    /// Rows to compare on, which neither was trained on
    data: PathBuf,
    /// Rows to fit the PCA to; those that the model was trained on unless given
    #[arg(long, value_name = "DATA")]
    train: Option<PathBuf>,
    /// Labels of the rows, for the colours: IDX, .npy, or one a line; those beside MNIST's images
    /// are found
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Where to draw both codes: a .png or .svg file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    let device = options.device.open()?;
    let (train, labels) = (options.train.as_deref(), options.labels.as_deref());
    if let Some(path) = &options.output {
        let mut inputs = vec![options.model.as_path(), &options.data];
        inputs.extend([train, labels].into_iter().flatten());
        check_output(path, &inputs)?;
        check_extension(path, "a plot", &["png", "svg"])?;
    }
    let found = compare_pca(&model, &options.data, train, labels, &device)?;
    if let Some(path) = &options.output {
        write_whole(path, &found.plot(PlotFormat::of(path))?)?;
    }
    if options.json {
        return print(serde_json::json!({
            "components": found.components,
            "training_rows": found.training_rows,
            "rows": found.rows,
            "model_mse": found.model_mse,
            "pca_mse": found.pca_mse,
            "ratio": found.ratio(),
        }));
    }
    print(format_args!(
        "{} dimensions, {} rows  autoencoder MSE {:.5}  PCA MSE {:.5}  ratio {:.3}{}",
        found.components,
        found.rows,
        found.model_mse,
        found.pca_mse,
        found.ratio(),
        in_unit(&model)
    ))?;
    if let Some(path) = &options.output {
        note(format_args!("The codes are drawn in {}.", path.display()));
    }
    Ok(())
}
