//! `wgslearn reconstruct`: how well rows come back, and a picture of it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{DeviceOption, in_unit, note, print, tell};
use crate::files::write_whole;
use crate::model::{Model, Noise};
use crate::run::{check_output, check_outputs, reconstruct, write_outputs};

/// Reconstruct or denoise data by an autoencoder: errors, and a grid of worst and typical rows
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  wgslearn reconstruct autoencoder.safetensors t10k-images-idx3-ubyte.gz -o grid.png
  wgslearn reconstruct denoiser.safetensors photos/ --noise gaussian:0.3 -o grid.png
  wgslearn reconstruct table.safetensors houses.csv -o rows.csv")]
pub(super) struct Options {
    /// The model file
    model: PathBuf,
    /// Data like those it was trained on
    data: PathBuf,
    /// What a translation should give, where the model translates
    #[arg(long, value_name = "DATA")]
    targets: Option<PathBuf>,
    /// Where to write: a .png for a grid of images, a .npy or .csv for the rows that came back
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Noise on what the model reads; that of its training unless given
    #[arg(long)]
    noise: Option<Noise>,
    /// Seed of the noise
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Columns of the grid
    #[arg(long, default_value_t = 12)]
    columns: usize,
    #[command(flatten)]
    device: DeviceOption,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let model = Model::load(&options.model)?;
    let targets = options.targets.as_deref();
    let mut inputs = vec![options.model.as_path(), &options.data];
    inputs.extend(targets);
    let is_grid = |path: &Path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
    match &options.output {
        Some(path) if is_grid(path) => check_output(path, &inputs)?,
        Some(path) => check_outputs(&model, path, &inputs)?,
        None => {}
    }
    let device = options.device.open()?;
    let found = reconstruct(&model, &options.data, targets, options.noise, options.seed, &device)?;
    tell(&found.account, options.json);
    match &options.output {
        Some(path) if is_grid(path) => write_whole(path, &found.grid(options.columns)?)?,
        Some(path) => {
            write_outputs(&model, &found.outputs(), path, &inputs)?;
        }
        None => {}
    }
    let [worst, typical] = found.worst_and_typical((options.columns / 2).max(1));
    if options.json {
        let rows = |numbers: &[usize]| -> Vec<serde_json::Value> {
            let row = |&i: &usize| serde_json::json!({ "row": i, "mse": found.row_mse[i] });
            numbers.iter().map(row).collect()
        };
        return print(serde_json::json!({
            "rows": found.rows,
            "mse": found.mse,
            "psnr": found.psnr,
            "ssim": found.ssim,
            "noise": found.noisy.map(|(noise, ..)| noise.to_string()),
            "noisy_mse": found.noisy.map(|(_, mse, _)| mse),
            "noisy_psnr": found.noisy.map(|(.., psnr)| psnr),
            "noisy_ssim": found.noisy_ssim,
            "worst": rows(&worst),
            "typical": rows(&typical),
            "data": found.account,
        }));
    }
    if let Some((noise, mse, psnr)) = found.noisy {
        let structure = structure(found.noisy_ssim);
        print(format_args!("noisy ({noise})  MSE {mse:.5}  PSNR {psnr:.2} dB{structure}"))?;
        let gain = found.psnr - psnr;
        print(format_args!(
            "denoised  MSE {:.5}  PSNR {:.2} dB  ({gain:+.2} dB){}{}",
            found.mse,
            found.psnr,
            self::structure(found.ssim),
            in_unit(&model),
        ))?;
    } else {
        let (rows, mse, psnr) = (found.rows, found.mse, found.psnr);
        let (structure, unit) = (structure(found.ssim), in_unit(&model));
        print(format_args!("rows {rows}  MSE {mse:.5}  PSNR {psnr:.2} dB{structure}{unit}"))?;
    }
    let list = |numbers: &[usize]| -> String {
        let one = |&i: &usize| format!("{i} ({:.4})", found.row_mse[i]);
        numbers.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    print(format_args!("worst rows: {}", list(&worst)))?;
    if let Some(path) = &options.output {
        note(format_args!("The rows are in {}.", path.display()));
    }
    Ok(())
}

/// Structural similarity, where the rows are images.
fn structure(ssim: Option<f64>) -> String {
    ssim.map_or_else(String::new, |ssim| format!("  SSIM {ssim:.4}"))
}
