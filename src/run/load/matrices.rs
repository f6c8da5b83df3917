//! Images, and matrices whose every column is both input and target.

use std::collections::HashMap;
use std::path::Path;

use rayon::prelude::*;

use super::split::Split;
use super::tables::check_scales;
use super::{Given, Loaded, NamedRows};
use crate::data::{
    Account, Array, Content, Dataset, ImageEncoder, ImageOptions, ImageShape, Images, Inputs,
    Table, TableEncoder, Targets, array_path, content, other_colours, read_array, read_images_with,
    reshape,
};
use crate::error::{Error, Result};
use crate::model::{Model, Preprocessor};
use crate::run::config::{ImagesConfig, RunConfig};

/// Rows of numbers from a file, of images where the file says so.
pub(super) struct Rows {
    pub(super) values: Values,
    pub(super) width: usize,
    pub(super) image: Option<ImageShape>,
    /// File names, for a folder of pictures.
    pub(super) names: Vec<String>,
    pub(super) account: Account,
    /// What the values were divided by; none for pictures.
    pub(super) divisor: Option<f64>,
}

/// The numbers of rows: of pictures from 0 to 1, of an array as they stand, in double precision until they are
/// scaled.
pub(super) enum Values {
    Pictures(Vec<f32>),
    Array(Vec<f64>),
}

/// How rows are read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading<'a> {
    pub options: ImageOptions,
    /// The channels that a model reads.
    pub channels: Option<usize>,
    /// The image that a model reads, where the rows are given without their axes.
    pub image: Option<ImageShape>,
    /// What the model's arrays were divided by; told from the values without a model.
    pub divisor: Option<f64>,
    /// Whether a model reads them: then a divisor of none is that of pictures.
    pub is_model: bool,
    /// The array of a .npz file.
    pub array: Option<&'a str>,
}

impl<'a> Reading<'a> {
    /// How a run asks for its rows.
    pub(super) fn of_run(config: &'a RunConfig) -> Self {
        let (options, array) = (config.images.of_inputs(), config.data.array.as_deref());
        Reading { options, array, ..Reading::default() }
    }

    /// How a run asks for its targets.
    pub(super) fn of_targets(config: &'a RunConfig) -> Self {
        Reading { options: config.images.of_targets(), ..Reading::of_run(config) }
    }

    /// The same for rows of a model that reads through `preprocessor`: images have its channels and its scale.
    pub(super) fn through(self, preprocessor: Option<&Preprocessor>) -> Self {
        let Some(Preprocessor::Image(encoder)) = preprocessor else { return self };
        let options = ImageOptions { grey: self.options.grey || encoder.made_grey, ..self.options };
        Reading {
            options,
            divisor: encoder.divisor,
            image: Some(encoder.input),
            channels: Some(encoder.input.channels),
            is_model: true,
            ..self
        }
    }

    /// How a model of images reads a file.
    pub(super) fn of(encoder: &ImageEncoder) -> Reading<'static> {
        let size = encoder.resize.then_some((encoder.input.width, encoder.input.height));
        let options = ImageOptions { size, grey: false };
        Reading { options, ..Reading::default() }.through(Some(&Preprocessor::Image(*encoder)))
    }
}

impl From<Images> for Rows {
    fn from(images: Images) -> Rows {
        Rows {
            width: images.shape.len(),
            image: Some(images.shape),
            values: Values::Pictures(images.values),
            names: images.names,
            account: images.account,
            divisor: None,
        }
    }
}

impl Rows {
    /// Reads images, or an array: of images where it has three axes or four.
    pub(super) fn read(path: &Path, reading: &Reading) -> Result<Rows> {
        if content(path) != Content::Array {
            return Ok(read_images_with(path, &reading.options, reading.channels)?.into());
        }
        let path = &array_path(path, reading.array);
        let array = read_array(path, reading.array)?;
        if array.width == 0 || array.rows == 0 {
            return Err(Error::data(path, "the array is empty; give rows of at least one element"));
        }
        let range = Extent::of(&array.values);
        let mut account = Account::of_rows(path, array.rows);
        let scale = ArrayScale::of(&array, range, path, reading, &mut account)?;
        Ok(scale.rows(array, account))
    }
}

/// The smallest and the largest of some numbers, without those that are none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub low: f64,
    pub high: f64,
}

impl Default for Extent {
    fn default() -> Self {
        Extent { low: f64::INFINITY, high: f64::NEG_INFINITY }
    }
}

impl Extent {
    fn of(values: &[f64]) -> Extent {
        let mut extent = Extent::default();
        extent.take(values);
        extent
    }

    /// Takes more numbers.
    pub fn take(&mut self, values: &[f64]) {
        for &value in values {
            (self.low, self.high) = (self.low.min(value), self.high.max(value));
        }
    }
}

/// How the numbers of an array become rows: images by its axes, or as they stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArrayScale {
    /// The images that it holds.
    found: Option<ImageShape>,
    /// Those that are read.
    pub image: Option<ImageShape>,
    divisor: f64,
}

impl ArrayScale {
    /// For an array, or its first rows, of numbers in this range.
    pub fn of(
        array: &Array,
        range: Extent,
        path: &Path,
        reading: &Reading,
        account: &mut Account,
    ) -> Result<ArrayScale> {
        let image = image_of(array, path)?;
        // A matrix of as many columns as the model's image has pixels holds these images, flat.
        let flat =
            reading.image.filter(|shape| array.shape.len() == 2 && array.width == shape.len());
        let Some(found) = image.or(flat) else {
            if array.shape.len() > 2 {
                account.warn(format!(
                    "its axes {:?} are no pictures': they are read as rows of {} numbers",
                    array.shape, array.width
                ));
            }
            return Ok(ArrayScale { found: None, image: None, divisor: 1.0 });
        };
        let kind = (array.is_integer, array.is_byte);
        let divisor = divisor_of(range, kind, reading, account);
        let (to_width, to_height) = reading.options.size.unwrap_or((found.width, found.height));
        let grey = reading.options.grey || reading.channels == Some(1);
        let channels = if grey { 1 } else { reading.channels.unwrap_or(found.channels) };
        let shape = ImageShape { width: to_width, height: to_height, channels };
        let is_grey = |pixel: &[f64]| pixel.iter().all(|&value| value == pixel[0]);
        let told = channels != found.channels && !reading.options.grey;
        // Colours that are all greys lose nothing.
        if told && !(channels == 1 && array.values.chunks_exact(found.channels).all(is_grey)) {
            account.warn(other_colours("its images", channels));
        }
        if shape != found && cfg!(not(feature = "pictures")) {
            return Err(Error::usage(
                "this build of wgslearn resizes no images; build it with the feature pictures",
            ));
        }
        Ok(ArrayScale { found: Some(found), image: Some(shape), divisor })
    }

    /// The rows of the array, or of some of it.
    pub fn rows(self, array: Array, account: Account) -> Rows {
        let ArrayScale { found, image, divisor } = self;
        let (mut values, mut width) = (array.values, array.width);
        if divisor != 1.0 {
            values.iter_mut().for_each(|value| *value /= divisor);
        }
        if let (Some(found), Some(shape)) = (found, image)
            && found != shape
        {
            let rows = values.par_chunks(found.len());
            let rows: Vec<Vec<f64>> = rows.map(|row| reshape(found, row, shape)).collect();
            (values, width) = (rows.concat(), shape.len());
        }
        let (names, divisor) = (Vec::new(), Some(divisor));
        Rows { values: Values::Array(values), width, image, names, account, divisor }
    }
}

impl Rows {
    /// The numbers in single precision.
    pub(super) fn reals(self) -> Vec<f32> {
        match self.values {
            Values::Pictures(values) => values,
            Values::Array(values) => values.into_iter().map(|value| value as f32).collect(),
        }
    }

    pub(super) fn inputs(self) -> Inputs {
        let features = self.width;
        Inputs::Matrix { values: self.reals(), features }
    }

    pub(super) fn count(&self) -> usize {
        let values = match &self.values {
            Values::Pictures(values) => values.len(),
            Values::Array(values) => values.len(),
        };
        values / self.width.max(1)
    }

    pub(super) fn is_within_0_and_1(&self) -> bool {
        match &self.values {
            Values::Pictures(_) => true,
            Values::Array(values) => values.iter().all(|value| (0.0..=1.0).contains(value)),
        }
    }

    /// The numbers as a table's, whose columns are called by number.
    ///
    /// # Errors
    /// [`Error::Data`] names the first that is none.
    pub(super) fn table(self, path: &Path) -> Result<Table> {
        let (width, account) = (self.width, self.account.clone());
        let values = match self.values {
            Values::Array(values) => values,
            Values::Pictures(values) => values.into_iter().map(f64::from).collect(),
        };
        check_finite(&values, width, 0, path)?;
        let columns = (0..width).map(|i| i.to_string()).collect();
        let lines = (1..=(values.len() / width) as u64).collect();
        Ok(Table { columns, values, lines, has_header: true, account, ..Table::default() })
    }
}

/// Refuses numbers that are none, of rows behind so many others.
pub(super) fn check_finite(values: &[f64], width: usize, before: usize, path: &Path) -> Result<()> {
    let Some(i) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    Err(Error::data(
        path,
        format!(
            "row {}, column {} holds {}, which is no finite number; remove or replace it",
            before + i / width + 1,
            i % width + 1,
            values[i]
        ),
    ))
}

/// The image that an array's axes tell, `[images, height, width]` or `[images, height, width, channels]`.
fn image_of(array: &Array, path: &Path) -> Result<Option<ImageShape>> {
    Ok(match array.shape[..] {
        [_, height, width] => Some(ImageShape { width, height, channels: 1 }),
        [_, height, width, channels @ (1 | 3)] => Some(ImageShape { width, height, channels }),
        [_, 1 | 3, height, width] => {
            return Err(Error::data(
                path,
                format!(
                    "its shape {:?} has the channels first; images are [{}, {height}, {width}, channels]: save numpy.moveaxis(x, 1, -1)",
                    array.shape, array.rows
                ),
            ));
        }
        [_, _, _, channels] => {
            return Err(Error::data(
                path,
                format!(
                    "its images have {channels} channels, but 1 (grey) or 3 (colour) are read; save x[..., :3] of colours with an alpha channel"
                ),
            ));
        }
        _ => None,
    })
}

/// What an array's values are divided by to lie from 0 to 1, told once where it is not 1 or the type's own.
fn divisor_of(
    Extent { low, high }: Extent,
    (is_integer, is_byte): (bool, bool),
    reading: &Reading,
    account: &mut Account,
) -> f64 {
    let told = match (low, high) {
        (0.0.., ..=1.0) => 1.0,
        (0.0.., ..=255.0) if is_integer || high > 16.0 => 255.0,
        (0.0.., ..=65_535.0) if is_integer || high > 255.0 => 65_535.0,
        _ => 1.0,
    };
    if !reading.is_model {
        match told {
            255.0 if is_byte => {}
            1.0 if (low < 0.0 || high > 1.0) => account.warn(format!(
                "its values reach from {low} to {high} and are taken as they are; pictures of them are cut at 0 and 1"
            )),
            1.0 => {}
            _ => account.warn(format!(
                "its values reach from {low} to {high} and are divided by {told}; answers in .npy and .csv files are in the file's own range"
            )),
        }
        return told;
    }
    match reading.divisor {
        // Trained on an array: its scale is the model's. Values that lie within it may be dark, but for bytes, which
        // are no 16-bit pictures, and for reals up to 1.
        Some(divisor)
            if divisor == told
                || told == 1.0 && is_integer
                || low >= 0.0 && high > 1.0 && high <= divisor && !(is_byte && divisor > 255.0) =>
        {
            divisor
        }
        Some(divisor) => {
            account.warn(format!(
                "its values reach from {low} to {high}, but the model's images were divided by {divisor}; they are divided by {told}"
            ));
            told
        }
        None => {
            if told == 1.0 && (low < 0.0 || high > 1.0) || told != 1.0 && !is_integer {
                account.warn(format!(
                    "its values reach from {low} to {high} and are divided by {told}; the model's pictures lie from 0 to 1"
                ));
            }
            // Whole numbers, however dark the picture, are bytes: as those of picture files.
            if is_integer && told == 1.0 { 255.0 } else { told }
        }
    }
}

/// Puts targets into the order of the inputs: by file name without its extension where both are pictures of folders,
/// else row by row.
fn pair(inputs: &Rows, targets: Rows, paths: [&Path; 2]) -> Result<Rows> {
    let stem = |name: &String| Path::new(name).with_extension("").to_string_lossy().into_owned();
    if !inputs.names.is_empty() && !targets.names.is_empty() {
        let stems: [Vec<String>; 2] =
            [&inputs.names, &targets.names].map(|names| names.iter().map(stem).collect());
        let places: [HashMap<&str, usize>; 2] =
            [&stems[0], &stems[1]].map(|stems| stems.iter().map(String::as_str).zip(0..).collect());
        for (i, j) in [(0, 1), (1, 0)] {
            if places[i].len() < stems[i].len() {
                let is_twin = |(row, name): &(usize, &String)| places[i][name.as_str()] != *row;
                let twin = stems[i].iter().enumerate().find(is_twin);
                let name = twin.map_or("the same", |(_, name)| name.as_str());
                return Err(Error::data(
                    paths[i],
                    format!("two pictures are called {name}; remove one, or name them apart"),
                ));
            }
            if let Some(lone) = stems[i].iter().find(|name| !places[j].contains_key(name.as_str()))
            {
                return Err(Error::data(
                    paths[i],
                    format!(
                        "the picture {lone} has no partner of that name in {}; add it, or remove this one",
                        paths[j].display()
                    ),
                ));
            }
        }
        let order: Vec<usize> = stems[0].iter().map(|name| places[1][name.as_str()]).collect();
        let width = targets.width;
        let names = order.iter().map(|&row| targets.names[row].clone()).collect();
        let take = |values: &[f32]| {
            order.iter().flat_map(|&r| &values[r * width..][..width]).copied().collect()
        };
        let values = match &targets.values {
            Values::Pictures(values) => Values::Pictures(take(values)),
            // Arrays have no names.
            Values::Array(_) => return Ok(targets),
        };
        return Ok(Rows { values, names, ..targets });
    }
    if inputs.count() != targets.count() {
        return Err(Error::data(
            paths[1],
            format!(
                "{} rows of targets for the {} rows of {}",
                targets.count(),
                inputs.count(),
                paths[0].display()
            ),
        ));
    }
    Ok(targets)
}

/// Images, or a matrix, for an autoencoder or a translation. `given` is what a pretrained encoder reads through.
pub(super) fn load_rows_and_targets(config: &RunConfig, given: Given) -> Result<Loaded> {
    let (data, given) = (&config.data, given.preprocessor());
    let Some(target_path) = &data.targets else {
        return Err(Error::usage(
            "images are no texts: train a classifier of them (`wgslearn train images`), an autoencoder (`wgslearn train autoencoder`), or name target images (`wgslearn train translate`)",
        ));
    };
    let of_run = Reading::of_run(config);
    let reading = of_run.through(given);
    let rows = Rows::read(&data.train, &reading)?;
    let image = rows.image;
    let mut account = rows.account.clone();
    let split = Split::draw(config, rows.count(), None, &mut account)?;
    if config.is_autoencoder() {
        let encoder = match own_encoder(image, rows.divisor, &config.images, given) {
            Some(encoder) => encoder,
            None if rows.is_within_0_and_1() => Preprocessor::None,
            None => {
                let table = rows.table(&data.train)?;
                let encoder = TableEncoder::fit(&table, None, Some(&split.training));
                check_scales(&encoder, &data.train, &mut account)?;
                let inputs = encoder.inputs(&table);
                let source = data.train.display().to_string();
                let all = Dataset::new(inputs, Targets::Inputs, source)?;
                return with_validation(config, all, &split, account, Preprocessor::Table(encoder));
            }
        };
        let all = autoencoder_dataset(rows, &encoder, &data.train)?;
        return with_validation(config, all, &split, account, encoder);
    }
    let of_targets = Reading::of_targets(config);
    let targets = pair(&rows, Rows::read(target_path, &of_targets)?, [&data.train, target_path])?;
    account.warnings.extend(targets.account.warnings.iter().cloned());
    let encoder = match (image, targets.image) {
        (Some(input), Some(output)) => Preprocessor::Image(
            config.images.encoder([input, output], [rows.divisor, targets.divisor]),
        ),
        (None, None) if needs_scale(&rows, &targets, given) => {
            return load_scaled(config, rows, targets, given, &split, account);
        }
        _ => Preprocessor::None,
    };
    let source = data.train.display().to_string();
    let width = targets.width;
    let targets = Targets::Values { values: targets.reals(), width };
    let all = Dataset::new(rows.inputs(), targets, source)?;
    let validation = validation_pairs(config, &encoder, all.inputs().width())?;
    Ok(parts(all, validation, &split, account, encoder))
}

/// What an autoencoder reads through, where neither its values nor their spread need to be known: images, or what a
/// pretrained encoder reads through.
pub(super) fn own_encoder(
    image: Option<ImageShape>,
    divisor: Option<f64>,
    images: &ImagesConfig,
    given: Option<&Preprocessor>,
) -> Option<Preprocessor> {
    match (image, given) {
        (Some(shape), _) => Some(Preprocessor::Image(images.encoder([shape; 2], [divisor; 2]))),
        (None, Some(Preprocessor::Table(encoder))) => Some(Preprocessor::Table(encoder.clone())),
        (None, _) => None,
    }
}

/// The rows that a translation is validated on, with their targets, where a file holds them.
pub(super) fn validation_pairs(
    config: &RunConfig,
    encoder: &Preprocessor,
    width: usize,
) -> Result<Option<Dataset>> {
    let (data, of_run) = (&config.data, Reading::of_run(config));
    let (path, target_path) = match (&data.validation, &data.validation_targets) {
        (None, _) => return Ok(None),
        (Some(path), Some(target_path)) => (path, target_path),
        (Some(_), None) => {
            return Err(Error::usage("the validation file needs validation_targets beside it"));
        }
    };
    let rows = Rows::read(path, &of_run.through(Some(encoder)))?;
    check_rows(&rows, encoder, width, path)?;
    let targets =
        pair(&rows, Rows::read(target_path, &Reading::of_targets(config))?, [path, target_path])?;
    let width = targets.width;
    let targets = Targets::Values { values: targets.reals(), width };
    Dataset::new(rows.inputs(), targets, path.display().to_string()).map(Some)
}

/// Whether a matrix and its targets are standardised: where they do not lie from 0 to 1, or a pretrained encoder is.
fn needs_scale(rows: &Rows, targets: &Rows, given: Option<&Preprocessor>) -> bool {
    matches!(given, Some(Preprocessor::Table(_)))
        || !(rows.is_within_0_and_1() && targets.is_within_0_and_1())
}

/// A matrix to another: every column of both is standardised.
fn load_scaled(
    config: &RunConfig,
    rows: Rows,
    targets: Rows,
    given: Option<&Preprocessor>,
    split: &Split,
    mut account: Account,
) -> Result<Loaded> {
    let data = &config.data;
    let target_path = data.targets.as_deref().unwrap_or(&data.train);
    let (table, targets) = (rows.table(&data.train)?, targets.table(target_path)?);
    let table = Table { target_names: targets.columns.clone(), ..table };
    let encoder = TableEncoder::fit(&table, Some(&targets.values), Some(&split.training));
    let encoder = scaled_encoder(encoder, given, &data.train, &mut account)?;
    let all = scaled(&encoder, &table, &targets, &data.train)?;
    let validation = validation_scaled(config, &encoder, targets.columns.len())?;
    Ok(parts(all, validation, split, account, Preprocessor::Table(encoder)))
}

/// The scales that a translation of matrices learned, with those of a pretrained encoder for its inputs.
pub(super) fn scaled_encoder(
    learned: TableEncoder,
    given: Option<&Preprocessor>,
    path: &Path,
    account: &mut Account,
) -> Result<TableEncoder> {
    let Some(Preprocessor::Table(given)) = given else {
        check_scales(&learned, path, account)?;
        return Ok(learned);
    };
    check_width(learned.columns.len(), given.columns.len(), path)?;
    Ok(TableEncoder {
        columns: given.columns.clone(),
        means: given.means.clone(),
        deviations: given.deviations.clone(),
        constant: given.constant.clone(),
        ..learned
    })
}

/// Rows of a matrix with those of another as targets, standardised.
pub(super) fn scaled(
    encoder: &TableEncoder,
    table: &Table,
    targets: &Table,
    path: &Path,
) -> Result<Dataset> {
    let (inputs, width) = (encoder.inputs(table), targets.columns.len());
    let values = encoder.encode_targets(&targets.values);
    Dataset::new(inputs, Targets::Values { values, width }, path.display().to_string())
}

/// The rows that such a translation is validated on, where a file holds them.
pub(super) fn validation_scaled(
    config: &RunConfig,
    encoder: &TableEncoder,
    width: usize,
) -> Result<Option<Dataset>> {
    let data = &config.data;
    let (Some(path), Some(target_path)) = (&data.validation, &data.validation_targets) else {
        return Ok(None);
    };
    let reading = Reading { array: data.array.as_deref(), ..Reading::default() };
    let table = Rows::read(path, &reading)?.table(path)?;
    let targets = Rows::read(target_path, &reading)?.table(target_path)?;
    check_width(table.columns.len(), encoder.columns.len(), path)?;
    check_width(targets.columns.len(), width, target_path)?;
    scaled(encoder, &table, &targets, path).map(Some)
}

/// An autoencoder's data with the validation file's.
fn with_validation(
    config: &RunConfig,
    all: Dataset,
    split: &Split,
    account: Account,
    encoder: Preprocessor,
) -> Result<Loaded> {
    let validation = validation_of_own(config, &encoder, all.inputs().width())?;
    Ok(parts(all, validation, split, account, encoder))
}

/// The rows that an autoencoder is validated on, where a file holds them.
pub(super) fn validation_of_own(
    config: &RunConfig,
    encoder: &Preprocessor,
    width: usize,
) -> Result<Option<Dataset>> {
    let Some(path) = &config.data.validation else { return Ok(None) };
    let rows = Rows::read(path, &Reading::of_run(config).through(Some(encoder)))?;
    check_rows(&rows, encoder, width, path)?;
    autoencoder_dataset(rows, encoder, path).map(Some)
}

/// The rows to train and to validate on.
fn parts(
    all: Dataset,
    validation: Option<Dataset>,
    split: &Split,
    account: Account,
    encoder: Preprocessor,
) -> Loaded {
    let (training, validation) = match split.validation.is_empty() {
        true => (all, validation),
        false => (all.take(&split.training), Some(all.take(&split.validation))),
    };
    Loaded { accounts: vec![account], ..Loaded::given(training, validation, encoder) }
}

pub(super) fn check_width(width: usize, wanted: usize, path: &Path) -> Result<()> {
    if width == wanted {
        return Ok(());
    }
    Err(Error::data(
        path,
        format!("a row has {width} elements, but {wanted} were trained on; resize or cut the rows"),
    ))
}

pub(super) fn autoencoder_dataset(
    rows: Rows,
    encoder: &Preprocessor,
    path: &Path,
) -> Result<Dataset> {
    let inputs = match encoder {
        Preprocessor::Table(encoder) => encoder.inputs(&rows.table(path)?),
        _ => rows.inputs(),
    };
    Dataset::new(inputs, Targets::Inputs, path.display().to_string())
}

/// Refuses rows that are not like those trained on: images by their axes, others by their width.
fn check_rows(rows: &Rows, encoder: &Preprocessor, width: usize, path: &Path) -> Result<()> {
    match encoder {
        Preprocessor::Image(encoder) => check_image(rows, encoder.input, path),
        _ => check_width(rows.width, width, path),
    }
}

/// Refuses images of another size than the model's.
pub(super) fn check_image(rows: &Rows, shape: ImageShape, path: &Path) -> Result<()> {
    if rows.image == Some(shape) {
        return Ok(());
    }
    let found = match rows.image {
        Some(found) => format!("an image is {found}"),
        None => format!("a row has {} numbers", rows.width),
    };
    Err(Error::data(path, format!("{found}, but the model reads {shape}; resize the images")))
}

/// Reads what a model that gives images or numbers is held against: pictures, or rows, on the model's scale.
///
/// # Errors
/// As [`load`](super::load); [`Error::Data`] when they do not pair with the inputs.
pub fn read_targets(model: &Model, rows: &NamedRows, paths: [&Path; 2]) -> Result<Vec<f32>> {
    read_targets_of(&model.preprocessor, model.outputs(), rows, paths)
}

/// As [`read_targets`], for a model that reads and gives this.
pub(in crate::run) fn read_targets_of(
    preprocessor: &Preprocessor,
    outputs: usize,
    rows: &NamedRows,
    paths: [&Path; 2],
) -> Result<Vec<f32>> {
    let reading = match preprocessor {
        Preprocessor::Image(encoder) => Reading::of(&ImageEncoder {
            input: encoder.output,
            divisor: encoder.output_divisor,
            ..*encoder
        }),
        _ => Reading::default(),
    };
    let targets = Rows::read(paths[1], &reading)?;
    if let Preprocessor::Image(encoder) = preprocessor {
        check_image(&targets, encoder.output, paths[1])?;
    }
    if targets.width != outputs {
        return Err(Error::data(
            paths[1],
            format!("a target has {} elements, but the model gives {}", targets.width, outputs),
        ));
    }
    let inputs = Rows {
        values: Values::Pictures(vec![0.0; rows.inputs.rows()]),
        width: 1,
        image: None,
        names: rows.names.clone(),
        account: Account::default(),
        divisor: None,
    };
    let targets = pair(&inputs, targets, paths)?;
    Ok(match preprocessor {
        Preprocessor::Table(encoder) if encoder.is_regression() => {
            encoder.encode_targets(&targets.table(paths[1])?.values)
        }
        _ => targets.reals(),
    })
}
