//! Autoencoders at work: rows to codes, codes to rows, and how far the two are apart.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::load::{NamedRows, labels_beside, read_rows, read_sized, read_targets_of, read_texts};
use super::outputs::{check_output, picture_files, write_picture};
use crate::backend::Device;
use crate::data::{
    Account, ByteSource, Content, ImageEncoder, ImageShape, Inputs, TableColumns, TableEncoder,
    column_names_of, content, extension, file_and_array, npy_bytes, numbers_as_words,
    read_columns_of, read_idx, read_npy,
};
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::model::{Model, Noise, Preprocessor, Source};
use crate::printable::printable_field;
use crate::report::{Cloud, GridGroup, GridRow, Pca, PlotFormat, grid_png, scatter_plot, ssim};
use crate::text::Words;

/// Rows of numbers with their names: codes, or what codes give back.
#[derive(Clone, Debug, PartialEq)]
pub struct Codes {
    /// `[rows, width]`
    pub values: Vec<f32>,
    /// Elements of a row.
    pub width: usize,
    /// File names, where the rows came from a folder of pictures.
    pub names: Vec<String>,
    /// What values are multiplied by in a `.npy` or `.csv` file: 255 for images that came as arrays of bytes.
    pub unit: f64,
    /// The images that rows are, where they are others than the model's own.
    pub image: Option<ImageShape>,
}

impl Codes {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// Writes the rows: a `.npy` file `[rows, width]` of float32, or a `.csv` file whose first
    /// column is the row's number, from 0, and the next its name where it has one; then `columns`.
    ///
    /// # Errors
    /// [`Error::Usage`] for another ending, [`Error::File`] when the file cannot be written.
    pub fn write(&self, path: &Path, columns: &[String]) -> Result<()> {
        let scaled: Vec<f32>;
        let values = match self.unit == 1.0 {
            true => &self.values,
            false => {
                scaled =
                    self.values.iter().map(|&value| (value as f64 * self.unit) as f32).collect();
                &scaled
            }
        };
        match extension(path).as_str() {
            "npy" => write_whole(path, &npy_bytes(values, &[self.rows(), self.width])?),
            "csv" => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                let failed =
                    |e: csv::Error| Error::Model(format!("the rows cannot be written: {e}"));
                let named = !self.names.is_empty();
                let head = ["row"].into_iter().chain(named.then_some("name")).map(str::to_owned);
                writer.write_record(head.chain(columns.iter().cloned())).map_err(failed)?;
                for (row, values) in values.chunks_exact(self.width).enumerate() {
                    let id = std::iter::once(row.to_string()).chain(self.names.get(row).cloned());
                    writer
                        .write_record(id.chain(values.iter().map(f32::to_string)))
                        .map_err(failed)?;
                }
                let bytes = writer
                    .into_inner()
                    .map_err(|e| Error::Model(format!("the rows cannot be written: {e}")))?;
                write_whole(path, &bytes)
            }
            _ => Err(Error::usage(format!(
                "{} ends in neither .npy nor .csv; name a file of one of the two",
                path.display()
            ))),
        }
    }

    /// Reads codes of `width` from a `.npy` or `.csv` file.
    fn read(path: &Path, width: usize) -> Result<Codes> {
        let (values, found, names) = match extension(path).as_str() {
            "npy" => {
                let array = read_npy(path)?;
                let found = array.width;
                (array.into_reals(), found, Vec::new())
            }
            "csv" => {
                let source = ByteSource::read(path)?;
                let columns = column_names_of(&source)?;
                let ids = ["row", "name"];
                let codes: Vec<String> =
                    columns.iter().filter(|c| !ids.contains(&c.as_str())).cloned().collect();
                let named = columns.iter().any(|column| column == "name");
                let encoder = TableEncoder::of_numbers(&codes);
                let wanted = TableColumns {
                    target: named.then_some("name"),
                    features: Some(&encoder),
                    ..TableColumns::default()
                };
                let table = read_columns_of(&source, &wanted)?;
                let values = table.values.iter().map(|&value| value as f32).collect();
                (values, codes.len(), table.targets)
            }
            _ => {
                return Err(Error::usage(format!(
                    "{} ends in neither .npy nor .csv, the files that codes are in",
                    path.display()
                )));
            }
        };
        if found != width {
            return Err(Error::data(
                path,
                format!(
                    "a code has {found} elements, but the model's have {width}; give codes that it made"
                ),
            ));
        }
        if let Some(i) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::data(
                path,
                format!(
                    "row {}, column {} holds {}, which is no finite number",
                    i / width + 1,
                    i % width + 1,
                    values[i]
                ),
            ));
        }
        Ok(Codes { values, width, names, unit: 1.0, image: None })
    }
}

/// The codes of a file's rows. Texts are read whole, however long.
///
/// # Errors
/// [`Error::Model`] when the model is no autoencoder, and whatever reading or running meets.
pub fn encode(
    model: &Model,
    path: &Path,
    text_column: &str,
    device: &Device,
) -> Result<(Codes, Account)> {
    model.latent_width()?;
    let (model, rows) = match &model.preprocessor {
        Preprocessor::Text(_) => read_texts(model, path, text_column)?,
        _ => (Cow::Borrowed(model), read_rows(model, path, text_column)?),
    };
    let NamedRows { inputs, names, mut account, unknown, .. } = rows;
    if let Preprocessor::Text(_) = &model.preprocessor
        && !unknown.is_empty()
    {
        let rows: Vec<u64> = unknown.iter().map(|&row| row as u64).collect();
        account.warn(format!(
            "{} of {} rows have no known word; their codes are those of no text (rows {}, from 0)",
            unknown.len(),
            inputs.rows(),
            numbers_as_words(&rows, rows.len())
        ));
    }
    let encoder = model.encoder_part()?;
    let values = encoder.predict(&inputs, device)?;
    Ok((Codes { values, width: encoder.outputs(), names, unit: 1.0, image: None }, account))
}

/// A model's outputs in the unit of the data that it was trained on.
fn in_unit(model: &Model, values: Vec<f32>) -> Vec<f32> {
    let Preprocessor::Table(encoder) = &model.preprocessor else { return values };
    match encoder.is_regression() {
        true => encoder.decode_targets(&values).into_iter().map(|value| value as f32).collect(),
        false => encoder.decode(&values),
    }
}

/// What an image's values were divided by in training; 1 for pictures and what is no image.
fn unit_of(model: &Model) -> f64 {
    match &model.preprocessor {
        Preprocessor::Image(encoder) => encoder.output_divisor.unwrap_or(1.0),
        _ => 1.0,
    }
}

/// What codes of a `.npy` or `.csv` file give back, in the data's own scale.
///
/// # Errors
/// As [`encode`]; [`Error::Data`] when the codes are of another width than the model's.
pub fn decode(model: &Model, path: &Path, device: &Device) -> Result<Codes> {
    let decoder = model.decoder_part()?;
    let codes = Codes::read(path, model.latent_width()?)?;
    let inputs = Inputs::Matrix { values: codes.values, features: codes.width };
    let values = decoder.predict(&inputs, device)?;
    let (values, unit) = (in_unit(model, values), unit_of(model));
    Ok(Codes { values, width: model.outputs(), names: codes.names, unit, image: None })
}

/// Names of a model's outputs, for the head of a CSV file.
fn output_names(model: &Model) -> Vec<String> {
    match &model.preprocessor {
        Preprocessor::Table(encoder) if encoder.is_regression() => encoder.target_names(),
        Preprocessor::Table(encoder) => encoder.feature_names(),
        _ => (0..model.outputs()).map(|i| format!("output_{i}")).collect(),
    }
}

/// The size of the images that a model gives.
fn output_shape(model: &Model) -> Option<ImageShape> {
    match &model.preprocessor {
        // A classifier gives probabilities.
        _ if !model.labels.is_empty() => None,
        Preprocessor::Image(ImageEncoder { output, .. }) => Some(*output),
        _ => None,
    }
}

/// Refuses, before any work, where a model's outputs could not go: a file that is read, another extension than the
/// model's outputs go into.
///
/// # Errors
/// [`Error::Usage`].
pub fn check_outputs(model: &Model, output: &Path, inputs: &[&Path]) -> Result<()> {
    check_output(output, inputs)?;
    match extension(output).as_str() {
        "npy" | "csv" => Ok(()),
        _ if output_shape(model).is_some() => Ok(()),
        _ => Err(no_images(output)),
    }
}

fn no_images(output: &Path) -> Error {
    Error::usage(format!(
        "the model gives no images, so its rows go into a file; {} ends in neither .npy nor .csv",
        output.display()
    ))
}

/// Writes what a model gave: to a `.npy` or `.csv` file, texts' likeliest words to a `.csv` file,
/// or images to a folder, which is made. Returns what it wrote, in words. `inputs` are files and folders that were
/// read: none is replaced.
///
/// # Errors
/// [`Error::Usage`] when the ending does not go with the data, [`Error::File`].
pub fn write_outputs(
    model: &Model,
    outputs: &Codes,
    path: &Path,
    inputs: &[&Path],
) -> Result<String> {
    check_outputs(model, path, inputs)?;
    if let (Preprocessor::Text(encoder), "csv") = (&model.preprocessor, extension(path).as_str())
        && let Words::Vocabulary(words) = encoder.words()
    {
        let first = encoder.first_word() as usize;
        let mut text = String::from("row,words\n");
        for (row, values) in outputs.values.chunks_exact(outputs.width).enumerate() {
            let mut order: Vec<usize> = (0..words.len()).collect();
            order.sort_by(|&a, &b| values[first + b].total_cmp(&values[first + a]));
            let likely: Vec<&str> = order.iter().take(10).map(|&i| words[i].as_str()).collect();
            text += &format!("{row},\"{}\"\n", likely.join(" ").replace('"', "\"\""));
        }
        write_whole(path, text.as_bytes())?;
        return Ok(format!("the likeliest words of {} texts", outputs.rows()));
    }
    if let "npy" | "csv" = extension(path).as_str() {
        outputs.write(path, &output_names(model))?;
        return Ok(format!("{} rows of {} elements", outputs.rows(), outputs.width));
    }
    let Some(shape) = outputs.image.or(output_shape(model)) else { return Err(no_images(path)) };
    write_images(shape, outputs, path, inputs)?;
    Ok(format!("{} images of {shape}", outputs.rows()))
}

/// Writes images to a folder, under their names or their numbers.
fn write_images(shape: ImageShape, images: &Codes, folder: &Path, inputs: &[&Path]) -> Result<()> {
    // Files that were read, where a folder of them was.
    let mut read: Vec<PathBuf> = Vec::new();
    for input in inputs {
        match input.is_dir() {
            true => read.extend(images.names.iter().map(|name| input.join(name))),
            false => read.push(input.to_path_buf()),
        }
    }
    let read: Vec<&Path> = read.iter().map(PathBuf::as_path).collect();
    let numbered = || (0..images.rows()).map(|row| format!("{row:06}.png")).collect();
    let names: Vec<String> =
        if images.names.is_empty() { numbered() } else { images.names.clone() };
    let files = picture_files(folder, &names, &read)?;
    for (file, values) in files.iter().zip(images.values.chunks_exact(images.width)) {
        write_picture(file, shape, values)?;
    }
    Ok(())
}

/// Images that a translation gives for images.
///
/// # Errors
/// As [`encode`], for models that give images.
pub fn translate(model: &Model, path: &Path, device: &Device) -> Result<(Codes, Account)> {
    if output_shape(model).is_none() {
        return Err(Error::Model(
            "the model gives no images; train one with `wgslearn train translate`".into(),
        ));
    }
    let (NamedRows { inputs, names, account, .. }, other) = read_sized(model, path, "")?;
    let unit = unit_of(model);
    let Some(other) = other else {
        let values = model.predict(&inputs, device)?;
        return Ok((Codes { values, width: model.outputs(), names, unit, image: None }, account));
    };
    let values = other.predict(matrix(&inputs), device)?;
    let image = other.encoder.output;
    Ok((Codes { values, width: image.len(), names, unit, image: Some(image) }, account))
}

/// How well rows come back.
#[derive(Clone, Debug)]
pub struct Reconstruction {
    /// Rows held against each other.
    pub rows: usize,
    /// Mean squared error of what the model gave.
    pub mse: f64,
    /// Peak signal-to-noise ratio of the same, in decibels: 10 log10(range^2 / mse).
    pub psnr: f64,
    /// Structural similarity of images, as scikit-image defines it; none for other rows, and for images smaller than its
    /// window of 7 pixels.
    pub ssim: Option<f64>,
    /// That of the noisy images that it read.
    pub noisy_ssim: Option<f64>,
    /// MSE and PSNR of the noisy rows that it read, where there was noise.
    pub noisy: Option<(Noise, f64, f64)>,
    /// Mean squared error of each row.
    pub row_mse: Vec<f64>,
    clean: Vec<f32>,
    read: Vec<f32>,
    given: Vec<f32>,
    width: usize,
    shapes: Option<[ImageShape; 2]>,
    is_translation: bool,
    /// What the model gave in the data's own unit, where that is another.
    in_unit: Option<Vec<f32>>,
    names: Vec<String>,
    unit: f64,
    /// What became of the file's rows.
    pub account: Account,
}

/// Holds what a model gives for a file's rows against the rows themselves or, for a translation,
/// against those of `targets`. With noise (`noise`, else the model's own), it reads noisy rows,
/// which `seed` makes the same every time.
///
/// # Errors
/// [`Error::Usage`] for texts, and as [`encode`].
pub fn reconstruct(
    model: &Model,
    path: &Path,
    targets: Option<&Path>,
    noise: Option<Noise>,
    seed: u64,
    device: &Device,
) -> Result<Reconstruction> {
    model.latent_width()?;
    if let Preprocessor::Text(_) = model.preprocessor {
        return Err(Error::usage(
            "texts come back as probabilities of words; see `wgslearn evaluate`, `encode` and `similar`",
        ));
    }
    if model.translates() && targets.is_none() {
        return Err(Error::usage(
            "this model translates: name the images that it should give as targets",
        ));
    }
    let (rows, other) = read_sized(model, path, "")?;
    let encoder = match (&other, &model.preprocessor) {
        (Some(other), _) => Some(other.encoder),
        (None, Preprocessor::Image(encoder)) => Some(*encoder),
        (None, _) => None,
    };
    let width = encoder.map_or(model.outputs(), |encoder| encoder.output.len());
    let clean = match targets {
        Some(targets) => {
            let own = encoder.map(Preprocessor::Image);
            let preprocessor = own.as_ref().unwrap_or(&model.preprocessor);
            read_targets_of(preprocessor, width, &rows, [path, targets])?
        }
        None => matrix(&rows.inputs).to_vec(),
    };
    let features = rows.inputs.width();
    let noise = noise.or(model.noise);
    let read = match noise {
        Some(noise) => noise.apply(matrix(&rows.inputs), features, seed),
        None => matrix(&rows.inputs).to_vec(),
    };
    let inputs = Inputs::Matrix { values: read, features };
    let given = match &other {
        Some(other) => other.predict(matrix(&inputs), device)?,
        None => model.predict(&inputs, device)?,
    };
    let Inputs::Matrix { values: read, .. } = inputs else { return Err(not_numbers()) };

    let squares = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (*a as f64 - *b as f64).powi(2)).sum()
    };
    let mse = |a: &[f32], b: &[f32]| squares(a, b) / a.len().max(1) as f64;
    // Images reach from 0 to 1; other data from their least to their largest value.
    let range = match &model.preprocessor {
        Preprocessor::Table(_) => {
            let (low, high) = clean
                .iter()
                .fold((f32::MAX, f32::MIN), |(low, high), &v| (low.min(v), high.max(v)));
            (high - low) as f64
        }
        _ => 1.0,
    };
    let psnr = |mse: f64| 10.0 * (range * range / mse.max(1e-12)).log10();
    let whole = mse(&given, &clean);
    let noisy = noise.filter(|_| read.len() == clean.len()).map(|noise| {
        let before = mse(&read, &clean);
        (noise, before, psnr(before))
    });
    let structure =
        |rows: &[f32]| encoder.and_then(|encoder| ssim(encoder.output, rows, &clean, range));
    let pairs = given.chunks_exact(width).zip(clean.chunks_exact(width));
    Ok(Reconstruction {
        rows: rows.inputs.rows(),
        mse: whole,
        psnr: psnr(whole),
        ssim: structure(&given),
        noisy_ssim: noisy.and_then(|_| structure(&read)),
        noisy,
        row_mse: pairs.map(|(a, b)| mse(a, b)).collect(),
        shapes: encoder.map(|encoder| [encoder.input, encoder.output]),
        is_translation: targets.is_some(),
        in_unit: match &model.preprocessor {
            Preprocessor::Table(_) => Some(in_unit(model, given.clone())),
            _ => None,
        },
        unit: match targets {
            Some(_) => unit_of(model),
            None => rows.divisor.unwrap_or(1.0),
        },
        account: rows.account.clone(),
        names: rows.names.clone(),
        clean,
        read,
        given,
        width,
    })
}

fn not_numbers() -> Error {
    Error::Model("the model reads ids, not numbers".into())
}

/// The values of rows that are numbers; none for ids.
fn matrix(inputs: &Inputs) -> &[f32] {
    match inputs {
        Inputs::Matrix { values, .. } => values,
        Inputs::Ids { .. } | Inputs::Ragged { .. } => &[],
    }
}

impl Reconstruction {
    /// The rows as the model gave them.
    pub fn outputs(&self) -> Codes {
        let values = self.in_unit.clone().unwrap_or_else(|| self.given.clone());
        let image = self.shapes.map(|[_, output]| output);
        Codes { values, width: self.width, names: self.names.clone(), unit: self.unit, image }
    }

    /// The `count` worst rows and the `count` nearest to the median error, by number.
    pub fn worst_and_typical(&self, count: usize) -> [Vec<usize>; 2] {
        let mut order: Vec<usize> = (0..self.rows).collect();
        order.sort_by(|&a, &b| self.row_mse[b].total_cmp(&self.row_mse[a]));
        let worst = order.iter().take(count).copied().collect();
        let count = count.min(self.rows);
        let start = (self.rows - count) / 2;
        [worst, order[start..start + count].to_vec()]
    }

    /// Worst and typical rows over one another, `columns` in all, as the bytes of a PNG.
    ///
    /// # Errors
    /// [`Error::Usage`] when the rows are no images.
    pub fn grid(&self, columns: usize) -> Result<Vec<u8>> {
        let Some([input, output]) = self.shapes else {
            return Err(Error::usage(
                "the rows are no images, so there is no picture of them; write them to a .npy or .csv file",
            ));
        };
        let [worst, typical] = self.worst_and_typical((columns / 2).max(1));
        let groups = [
            GridGroup { name: "worst", columns: worst.len() },
            GridGroup { name: "typical", columns: typical.len() },
        ];
        let picked: Vec<usize> = worst.into_iter().chain(typical).collect();
        let images = |shape: ImageShape, values| -> Vec<&[f32]> {
            let values: &[f32] = values;
            picked.iter().map(|&i| &values[i * shape.len()..(i + 1) * shape.len()]).collect()
        };
        let names = match (self.is_translation, self.noisy.is_some()) {
            (true, _) => ["input", "model", "target"],
            (false, true) => ["noisy", "denoised", "clean"],
            (false, false) => ["", "model", "original"],
        };
        let mut rows = Vec::new();
        if !names[0].is_empty() {
            rows.push(GridRow { name: names[0], shape: input, images: images(input, &self.read) });
        }
        rows.push(GridRow { name: names[1], shape: output, images: images(output, &self.given) });
        rows.push(GridRow { name: names[2], shape: output, images: images(output, &self.clean) });
        if names[0].is_empty() {
            // The original stands above what came back.
            rows.reverse();
        }
        let caption = |&i: &usize| {
            let name = self.names.get(i).map_or_else(|| format!("row {i}"), String::clone);
            format!("{}\n{:.4}", printable_field(&name), self.row_mse[i])
        };
        let captions: Vec<String> = picked.iter().map(caption).collect();
        grid_png(&rows, &groups, &captions)
    }
}

/// An autoencoder beside a PCA of the same width.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Width of the codes.
    pub components: usize,
    /// Rows that the PCA was fitted to.
    pub training_rows: usize,
    /// Rows on which both were held against what they read.
    pub rows: usize,
    /// Mean squared error of the model.
    pub model_mse: f64,
    /// Mean squared error of the PCA.
    pub pca_mse: f64,
    clouds: [Cloud; 2],
    labels: Vec<String>,
}

/// Fits a PCA with as many components as the model's code has to the rows of `training` (else to
/// what the model was trained on), and compares both on the rows of `path`. Labels, for the
/// colours of the plot, come from an IDX, `.npy` or text file, or stand beside MNIST's images.
///
/// # Errors
/// As [`encode`]; [`Error::Usage`] when the training rows are not known.
pub fn compare_pca(
    model: &Model,
    path: &Path,
    training: Option<&Path>,
    labels: Option<&Path>,
    device: &Device,
) -> Result<Comparison> {
    let components = model.latent_width()?;
    if let Preprocessor::Text(_) = model.preprocessor {
        return Err(Error::usage(
            "texts' bags of words are too wide for a PCA; hold their codes against each other with `wgslearn similar`",
        ));
    }
    let known = model.source.as_ref().map(|source: &Source| source.path.as_path());
    let Some(training) = training.or(known) else {
        return Err(Error::usage("name the rows that the model was trained on as train"));
    };
    if !file_and_array(training).0.exists() {
        return Err(Error::usage(format!(
            "the model was trained on {}, which is not there; name its training rows as train",
            training.display()
        )));
    }
    let fitted = read_rows(model, training, "")?;
    let rows = read_rows(model, path, "")?;
    let labels = read_labels(path, labels, rows.inputs.rows())?;
    let features = rows.inputs.width();
    let values = matrix(&rows.inputs);
    let pca = Pca::fit(matrix(&fitted.inputs), features, components)?;
    let given = model.predict(&rows.inputs, device)?;
    let squares = given.iter().zip(values).map(|(a, b)| (*a as f64 - *b as f64).powi(2));
    let model_mse = squares.sum::<f64>() / values.len() as f64;
    let pca_mse = pca.mse(values);
    let codes = model.encoder_part()?.predict(&rows.inputs, device)?;
    let pca_codes: Vec<f32> = pca.encode(values).into_iter().map(|value| value as f32).collect();
    let cloud = |name: &str, mse: f64, codes: &[f32]| -> Result<Cloud> {
        let title = format!("{name}, {components} dimensions, MSE {mse:.4}");
        let axes = match components {
            1 => ["code 0", ""],
            2 => ["code 0", "code 1"],
            _ => ["first principal axis of the codes", "second principal axis"],
        };
        Ok(Cloud { title, axes, points: plane(codes, components)? })
    };
    let clouds = [cloud("PCA", pca_mse, &pca_codes)?, cloud("autoencoder", model_mse, &codes)?];
    let (training_rows, rows) = (fitted.inputs.rows(), rows.inputs.rows());
    Ok(Comparison { components, training_rows, rows, model_mse, pca_mse, clouds, labels })
}

impl Comparison {
    /// The model's error over the PCA's.
    pub fn ratio(&self) -> f64 {
        self.model_mse / self.pca_mse.max(1e-30)
    }

    /// Both codes side by side, as the bytes of a file: along their first two principal axes where
    /// they have more than two dimensions.
    ///
    /// # Errors
    /// [`Error::Training`] when it cannot be drawn.
    pub fn plot(&self, format: PlotFormat) -> Result<Vec<u8>> {
        scatter_plot(&self.clouds, &self.labels, format)
    }
}

/// Codes as points of a plane.
fn plane(codes: &[f32], width: usize) -> Result<Vec<[f64; 2]>> {
    match width {
        1 => Ok(codes.iter().map(|&x| [x as f64, 0.0]).collect()),
        2 => Ok(codes.chunks_exact(2).map(|code| [code[0] as f64, code[1] as f64]).collect()),
        _ => {
            let turned = Pca::fit(codes, width, 2)?.encode(codes);
            Ok(turned.chunks_exact(2).map(|point| [point[0], point[1]]).collect())
        }
    }
}

/// Labels of rows; none where there is no file for them.
fn read_labels(path: &Path, labels: Option<&Path>, rows: usize) -> Result<Vec<String>> {
    let beside = labels_beside(path);
    let Some(path) = labels.or(beside.as_deref()) else { return Ok(Vec::new()) };
    let found: Vec<String> = if content(path) == Content::Array {
        read_npy(path)?.values.iter().map(f64::to_string).collect()
    } else if content(path) == Content::Images {
        read_idx(path)?.bytes.iter().map(u8::to_string).collect()
    } else {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?;
        text.lines().map(|line| line.trim().to_owned()).collect()
    };
    if found.len() != rows {
        return Err(Error::data(
            path,
            format!("{} labels for {rows} rows; give one a row", found.len()),
        ));
    }
    Ok(found)
}
