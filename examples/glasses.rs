//! Image-to-image translation with real digits: a dark bar across the strokes taken off ("glasses"),
//! put on again by a new decoder on an encoder that stands, and outlines filled.
//!
//! `cargo run --release --example glasses [TRAIN TEST]`, with two IDX files of digits; without them
//! 2,000 digits to train on and 300 to test on lie in `examples/data`. Writes three grids of input,
//! model and target, `glasses-*.png`, to the folder where it runs.

use std::path::{Path, PathBuf};

use wgslearn::data::{ImageOptions, npy_bytes, read_images};
use wgslearn::files::write_whole;
use wgslearn::run::{RunConfig, RunKind, Settings, reconstruct, train};
use wgslearn::{Device, Inputs, Model, Result};

const SIDE: usize = 28;

/// Rows of pixels that the bar covers.
const BAR: std::ops::Range<usize> = 12..16;

/// The digit with the bar across it.
fn with_bar(digit: &[f32]) -> Vec<f32> {
    let mut digit = digit.to_vec();
    digit[BAR.start * SIDE..BAR.end * SIDE].fill(0.0);
    digit
}

/// The digit's outline: what an erosion by a cross takes away.
fn outline(digit: &[f32]) -> Vec<f32> {
    let at = |x: isize, y: isize| match (0..SIDE as isize).contains(&x.min(y)) && x.max(y) < 28 {
        true => digit[y as usize * SIDE + x as usize],
        false => 0.0,
    };
    let pixel = |i: usize| {
        let (x, y) = ((i % SIDE) as isize, (i / SIDE) as isize);
        let around = [at(x - 1, y), at(x + 1, y), at(x, y - 1), at(x, y + 1)];
        digit[i] - around.into_iter().fold(digit[i], f32::min)
    };
    (0..SIDE * SIDE).map(pixel).collect()
}

/// Digits as they are and changed, as the `.npy` files that a translation reads.
struct Files {
    plain: PathBuf,
    barred: PathBuf,
    outlined: PathBuf,
}

fn make(digits: &Path, folder: &Path, name: &str) -> Result<Files> {
    let images = read_images(digits, &ImageOptions::default())?;
    let write = |kind: &str, change: &dyn Fn(&[f32]) -> Vec<f32>| -> Result<PathBuf> {
        let rows = images.values.chunks_exact(SIDE * SIDE);
        let values: Vec<f32> = rows.flat_map(change).collect();
        let path = folder.join(format!("{name}-{kind}.npy"));
        write_whole(&path, &npy_bytes(&values, &[images.count(), SIDE, SIDE])?)?;
        Ok(path)
    };
    Ok(Files {
        plain: write("plain", &|digit| digit.to_vec())?,
        barred: write("barred", &with_bar)?,
        outlined: write("outlined", &outline)?,
    })
}

/// A run from these images to those, or, where both are the same, an autoencoder; `dense` layers, or a U-Net.
fn translation(input: &Path, target: &Path, model: &Path, dense: bool) -> Settings {
    let kind = if input == target { RunKind::Autoencoder } else { RunKind::Translate };
    let mut settings = Settings::new(kind, input);
    settings.data.targets = Some(target.to_owned());
    settings.model.dense = Some(dense);
    settings.data.validation_split = Some(0.0);
    settings.training.adapt_learning_rate = Some(false);
    settings.training.epochs = Some(if dense { 20 } else { 10 });
    settings.output.model = Some(model.to_owned());
    settings
}

/// Peak signal-to-noise ratio within the bar, in decibels.
fn psnr_in_bar(images: &[f32], truth: &[f32]) -> f64 {
    let inside = |i: usize| BAR.contains(&(i / SIDE % SIDE));
    let squares: Vec<f64> = (0..images.len())
        .filter(|&i| inside(i))
        .map(|i| (images[i] as f64 - truth[i] as f64).powi(2))
        .collect();
    -10.0 * (squares.iter().sum::<f64>() / squares.len() as f64).log10()
}

fn run(settings: &Settings, device: &Device) -> Result<Model> {
    let outcome = train(&settings.resolve()?, device, &mut |_, _, _| Ok(()), &mut |_| {}, None)?;
    println!(
        "  trained on {} rows: loss {:.5}",
        outcome.training_rows,
        outcome.history.loss.last().unwrap_or(&0.0)
    );
    Ok(outcome.model)
}

fn show(model: &Model, input: &Path, target: &Path, grid: &str, device: &Device) -> Result<()> {
    let found = reconstruct(model, input, Some(target), None, 7, device)?;
    write_whole(Path::new(grid), &found.grid(12)?)?;
    println!("  test: MSE {:.5}, PSNR {:.2} dB; see {grid}", found.mse, found.psnr);
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let [training, test] = match &arguments[..] {
        [training, test] => [training.clone(), test.clone()],
        _ => ["digits", "digits-test"].map(|n| data.join(format!("{n}-images-idx3-ubyte.gz"))),
    };
    let device = Device::open("auto")?;
    let folder = std::env::temp_dir().join(format!("wgslearn-glasses-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| wgslearn::Error::file("create", &folder, e))?;
    let (training, test) = (make(&training, &folder, "train")?, make(&test, &folder, "test")?);

    println!("Glasses off: barred digits to plain ones.");
    let off =
        run(&translation(&training.barred, &training.plain, &folder.join("off"), false), &device)?;
    show(&off, &test.barred, &test.plain, "glasses-off.png", &device)?;
    let values = |path| -> Result<Vec<f32>> { Ok(wgslearn::data::read_npy(path)?.into_reals()) };
    let (barred, plain) = (values(&test.barred)?, values(&test.plain)?);
    let inputs = Inputs::Matrix { values: barred.clone(), features: SIDE * SIDE };
    let given = off.predict(&inputs, &device)?;
    let [before, after] = [psnr_in_bar(&barred, &plain), psnr_in_bar(&given, &plain)];
    println!(
        "  within the bar: {before:.2} dB before, {after:.2} dB after: {:+.2} dB",
        after - before
    );

    println!("Glasses on: a new decoder on the encoder of an autoencoder of plain digits.");
    let autoencoder = folder.join("autoencoder");
    let mut settings = translation(&training.plain, &training.plain, &autoencoder, true);
    settings.model.encoder = Some(RunConfig::DENOISING_ENCODER.to_vec());
    run(&settings, &device)?;
    let mut settings = translation(&training.plain, &training.barred, &folder.join("on"), true);
    settings.model.encoder_from = Some(autoencoder);
    settings.model.freeze_encoder = Some(true);
    let on = run(&settings, &device)?;
    show(&on, &test.plain, &test.barred, "glasses-on.png", &device)?;

    println!("Outlines to filled strokes.");
    let settings = translation(&training.outlined, &training.plain, &folder.join("fill"), false);
    let fill = run(&settings, &device)?;
    show(&fill, &test.outlined, &test.plain, "glasses-fill.png", &device)?;
    std::fs::remove_dir_all(&folder).map_err(|e| wgslearn::Error::file("remove", &folder, e))
}
