//! Pictures of any size through a model that convolves throughout.
//!
//! Such a model's weights are for no size. A picture whose sides its layers cannot halve and double again is filled up by
//! its mirror image and cut afterwards; a large one goes through in tiles that overlap by what a pixel can depend on
//! (`layers/reach.rs`), so that no seam is left: every pixel is that of the whole picture.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::outputs::{picture_files, write_picture};
use crate::backend::Device;
use crate::data::{
    Account, ImageEncoder, ImageOptions, ImageShape, Images, Rows, extension, holds_picture_files,
    list_pictures, read_picture_files,
};
use crate::error::{Error, Result};
use crate::layers::reach::Field;
use crate::model::{Model, Preprocessor};
use crate::train::Predictor;

/// Pixels up to which a picture goes through whole, and the sides of a tile without its halo.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    whole: usize,
    tile: usize,
}

const SIZES: Sizes = Sizes { whole: 512 * 512, tile: 256 };

/// Rows and columns by which a picture is filled up, at most.
const MOST_FILLING: usize = 64;

/// Values of pictures of one size that go through together, and pictures that are read at once.
const TOGETHER: usize = 1 << 24;
const READ_AT_ONCE: usize = 64;

/// A model for pictures of any size.
#[derive(Debug)]
struct AnySize<'m> {
    model: &'m Model,
    input: ImageShape,
    field: Option<Field>,
    sizes: Sizes,
}

/// A picture, `[height, width, channels]`.
#[derive(Clone, Debug, PartialEq)]
struct Picture {
    shape: ImageShape,
    values: Vec<f32>,
}

impl Picture {
    /// The part of these rows and columns; beyond the last ones the picture is mirrored.
    fn part(&self, [rows, columns]: [Range<usize>; 2]) -> impl Iterator<Item = f32> + '_ {
        let ImageShape { width, height, channels } = self.shape;
        rows.flat_map(move |row| {
            let row = &self.values[mirrored(row, height) * width * channels..][..width * channels];
            let columns = columns.clone().map(move |column| mirrored(column, width) * channels);
            columns.flat_map(move |at| row[at..at + channels].iter().copied())
        })
    }
}

/// The place at which a mirror at the last of `length` places shows place `i`: 0 1 2 1 0 1 and so on.
fn mirrored(i: usize, length: usize) -> usize {
    let period = (2 * length).saturating_sub(2).max(1);
    let i = i % period;
    if i < length { i } else { period - i }
}

/// What of an axis goes through at once: where it begins, and the part of it that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tile {
    from: usize,
    kept: Range<usize>,
}

/// Tiles of `length` over an axis of `whole`, each kept but for a halo, of which the grids of the layers fall together with
/// the whole's; none where they cannot.
fn tiles(whole: usize, length: usize, halo: usize, stride: usize) -> Option<Vec<Tile>> {
    if length >= whole {
        return Some(vec![Tile { from: 0, kept: 0..whole }]);
    }
    let halo = halo.div_ceil(stride) * stride;
    let step = length.checked_sub(2 * halo)? / stride * stride;
    let last = whole - length;
    if step == 0 || !last.is_multiple_of(stride) {
        return None;
    }
    let inner = (0..).map(|i| i * step).take_while(|&from| from < last);
    let tile = |from: usize| {
        let begin = if from == 0 { 0 } else { from + halo };
        Tile { from, kept: begin..if from == last { whole } else { from + length - halo } }
    };
    Some(inner.chain([last]).map(tile).collect())
}

impl<'m> AnySize<'m> {
    /// None where the model is for pictures of one size.
    fn of(model: &'m Model, sizes: Sizes) -> Option<AnySize<'m>> {
        let Preprocessor::Image(encoder) = &model.preprocessor else { return None };
        let any = AnySize { model, input: encoder.input, field: model.field(), sizes };
        let own = [encoder.input.height, encoder.input.width];
        // Larger by what the layers can halve, whatever that is.
        any.accepted(own.map(|side| side + 1)).map(|_| any)
    }

    /// The least sides from `least` on that the layers take and give back by the same factor, with the model for them.
    fn accepted(&self, least: [usize; 2]) -> Option<([usize; 2], Model)> {
        let Preprocessor::Image(encoder) = &self.model.preprocessor else { return None };
        let scale = [
            (encoder.output.height, encoder.input.height),
            (encoder.output.width, encoder.input.width),
        ];
        let takes = |sides: [usize; 2]| {
            let model = self.model.for_pictures(sides)?;
            let Preprocessor::Image(found) = &model.preprocessor else { return None };
            let given = [found.output.height, found.output.width];
            let fits = |i: usize| {
                let (times, of) = scale[i];
                times.is_multiple_of(of) && given[i] == sides[i] * (times / of)
            };
            (fits(0) && fits(1)).then_some((sides, model))
        };
        // Along one axis after the other: what a layer takes along one does not hang on the other.
        let own = [self.input.height, self.input.width];
        let along = |axis: usize| {
            (least[axis]..=least[axis] + MOST_FILLING).find(|&side| {
                let mut sides = own;
                sides[axis] = side;
                takes(sides).is_some()
            })
        };
        takes([along(0)?, along(1)?])
    }

    /// What the model gives for pictures of one size.
    fn run(&self, pictures: &[Picture], device: &Device) -> Result<Vec<Picture>> {
        let Some(first) = pictures.first() else { return Ok(Vec::new()) };
        let sides = [first.shape.height, first.shape.width];
        let Some((whole, model)) = self.accepted(sides) else {
            return Err(Error::Model(format!(
                "the model takes no picture of {}: its layers do not give one of that size back, nor of one up to {MOST_FILLING} pixels larger; resize it",
                first.shape
            )));
        };
        let is_large = sides[0] * sides[1] > self.sizes.whole;
        let tiled = is_large.then(|| self.tiled(whole)).flatten();
        let (model, axes) = tiled.unwrap_or_else(|| {
            let all = |side: usize| vec![Tile { from: 0, kept: 0..side }];
            (model, whole.map(all))
        });
        Self::through(pictures, &model, &axes, device)
    }

    /// The model of a tile, and the tiles along both axes, of pictures of these sides; none where the model reads all of a
    /// picture or its tiles do not fit.
    fn tiled(&self, whole: [usize; 2]) -> Option<(Model, [Vec<Tile>; 2])> {
        let Field { halo, strides } = self.field?;
        let side = |i: usize| {
            let halo = halo[i].div_ceil(strides[i]) * strides[i];
            whole[i].min(self.sizes.tile + 2 * halo)
        };
        let (lengths, model) = self.accepted([side(0), side(1)])?;
        let along = |i: usize| match lengths[i] > whole[i] {
            true => None,
            false => tiles(whole[i], lengths[i], halo[i], strides[i]),
        };
        Some((model, [along(0)?, along(1)?]))
    }

    /// Puts pictures through a model by tiles, and what it gives together.
    fn through(
        pictures: &[Picture],
        model: &Model,
        [rows, columns]: &[Vec<Tile>; 2],
        device: &Device,
    ) -> Result<Vec<Picture>> {
        let Preprocessor::Image(of) = &model.preprocessor else {
            return Err(Error::Model("the model gives no pictures".into()));
        };
        let (read, given) = (of.input, of.output);
        let scale = [given.height / read.height.max(1), given.width / read.width.max(1)];
        let mut predictor = Predictor::new(model, device)?;
        let places: Vec<(usize, &Tile, &Tile)> = (0..pictures.len())
            .flat_map(|i| rows.iter().map(move |row| (i, row)))
            .flat_map(|(i, row)| columns.iter().map(move |column| (i, row, column)))
            .collect();
        let mut found: Vec<Picture> = pictures
            .iter()
            .map(|picture| {
                let [height, width] = [picture.shape.height, picture.shape.width];
                let shape =
                    ImageShape { height: height * scale[0], width: width * scale[1], ..given };
                Picture { shape, values: vec![0.0; shape.len()] }
            })
            .collect();
        let at_once = (TOGETHER / read.len().max(given.len()).max(1)).max(1);
        for places in places.chunks(at_once) {
            let mut inputs = Vec::with_capacity(places.len() * read.len());
            for (i, row, column) in places {
                let part =
                    [row.from..row.from + read.height, column.from..column.from + read.width];
                inputs.extend(pictures[*i].part(part));
            }
            let mut outputs = vec![0.0; places.len() * given.len()];
            predictor.predict_into(Rows::Matrix(&inputs), &mut outputs)?;
            for (&(i, row, column), tile) in places.iter().zip(outputs.chunks_exact(given.len())) {
                let Picture { shape, values } = &mut found[i];
                let within = |kept: &Range<usize>, scale: usize, length: usize| {
                    kept.start * scale..(kept.end * scale).min(length)
                };
                let columns = within(&column.kept, scale[1], shape.width);
                let (channels, left) = (given.channels, column.from * scale[1]);
                for y in within(&row.kept, scale[0], shape.height) {
                    let from =
                        ((y - row.from * scale[0]) * given.width + columns.start - left) * channels;
                    let to = (y * shape.width + columns.start) * channels;
                    let length = columns.len() * channels;
                    values[to..to + length].copy_from_slice(&tile[from..from + length]);
                }
            }
        }
        Ok(found)
    }
}

/// A model, and pictures of another size than it learned from.
#[derive(Debug)]
pub(super) struct OtherSize<'m> {
    any: AnySize<'m>,
    /// The least sides, height and width, that its layers take them filled up to, and the model for those.
    accepted: ([usize; 2], Model),
    /// What it reads and gives then.
    pub(super) encoder: ImageEncoder,
}

impl<'m> OtherSize<'m> {
    /// None where the model takes no pictures of this shape.
    pub(super) fn of(model: &'m Model, input: ImageShape) -> Option<OtherSize<'m>> {
        let Preprocessor::Image(own) = model.preprocessor else { return None };
        if own.resize || input.channels != own.input.channels {
            return None;
        }
        let any = AnySize::of(model, SIZES)?;
        let accepted = any.accepted([input.height, input.width])?;
        let output = ImageShape {
            width: input.width * own.output.width / own.input.width,
            height: input.height * own.output.height / own.input.height,
            ..own.output
        };
        Some(OtherSize { any, accepted, encoder: ImageEncoder { input, output, ..own } })
    }

    /// What the model gives for pictures `[pictures, encoder.input.len()]`.
    ///
    /// # Errors
    /// [`Error::Device`] where the device cannot hold it.
    pub(super) fn predict(&self, values: &[f32], device: &Device) -> Result<Vec<f32>> {
        let shape = self.encoder.input;
        let picture = |values: &[f32]| Picture { shape, values: values.to_vec() };
        let pictures: Vec<Picture> = values.chunks_exact(shape.len()).map(picture).collect();
        let given = self.any.run(&pictures, device)?;
        Ok(given.into_iter().flat_map(|picture| picture.values).collect())
    }

    /// The model of pictures of this size.
    ///
    /// # Errors
    /// [`Error::Data`] where its layers take them only when they are filled up.
    pub(super) fn model(self, path: &Path) -> Result<Model> {
        let ([height, width], model) = self.accepted;
        let input = self.encoder.input;
        if [height, width] == [input.height, input.width] {
            return Ok(model);
        }
        Err(Error::data(
            path,
            format!(
                "the pictures are {input}, but the model's layers halve sides and double them again, and the next that they give back is {width}x{height}; crop or resize them, or reconstruct them, which takes any size"
            ),
        ))
    }
}

/// Puts a folder of pictures, or one, through a model of pictures, each as large as it is, and writes what the model gives
/// to a folder. Returns how many there were, and what became of the files; nothing where that is not to be done: the model
/// is for one size or resizes what it reads, the data are no files of pictures, or `output` is a file of numbers.
///
/// # Errors
/// [`Error::Data`] for a file that is no picture, [`Error::Model`] for one that the model cannot take, [`Error::File`], and
/// [`Error::Device`] where the device cannot hold it.
pub fn translate_pictures(
    model: &Model,
    path: &Path,
    output: &Path,
    inputs: &[&Path],
    device: &Device,
) -> Result<Option<(usize, Account)>> {
    let Preprocessor::Image(encoder) = &model.preprocessor else { return Ok(None) };
    let is_array = matches!(extension(output).as_str(), "npy" | "csv");
    if encoder.resize || !model.labels.is_empty() || !holds_picture_files(path) || is_array {
        return Ok(None);
    }
    let Some(any) = AnySize::of(model, SIZES) else { return Ok(None) };
    let (files, names, mut account) = list_pictures(path)?;
    let read: Vec<&Path> =
        inputs.iter().copied().chain(files.iter().map(PathBuf::as_path)).collect();
    let written = picture_files(output, &names, &read)?;
    let options = ImageOptions::default();
    let channels = Some(encoder.input.channels);
    let mut others = 0;
    for (files, written) in files.chunks(READ_AT_ONCE).zip(written.chunks(READ_AT_ONCE)) {
        let images = files
            .par_iter()
            .map(|file| read_picture_files(std::slice::from_ref(file), &options, channels))
            .collect::<Result<Vec<_>>>()?;
        let mut pictures = Vec::with_capacity(images.len());
        for Images { shape, values, account: own, .. } in images {
            account.warnings.extend(own.warnings);
            pictures.push(Picture { shape, values });
        }
        others += pictures.iter().filter(|picture| picture.shape != encoder.input).count();
        let mut written = written.iter();
        for pictures in pictures.chunk_by(|a, b| a.shape == b.shape) {
            for picture in any.run(pictures, device)? {
                let Some(file) = written.next() else { break };
                write_picture(file, picture.shape, &picture.values)?;
            }
        }
    }
    if others > 0 {
        let size = encoder.input;
        account.warn(match (others, files.len()) {
            (1, 1) => format!(
                "the picture is of another size than the {size} that the model learned from; it went through it as it is"
            ),
            (others, all) => format!(
                "{others} of {all} pictures are of another size than the {size} that the model learned from; they went through it as they are"
            ),
        });
    }
    Ok(Some((files.len(), account)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;
    use crate::layers::{BatchNorm, Conv2d, Interpolation, MaxPool, Padding};
    use crate::model::{Activation, Input, Layer, Loss};

    fn picture(width: usize, height: usize, channels: usize) -> Picture {
        let shape = ImageShape { width, height, channels };
        let value = |i: usize| 0.5 + 0.5 * ((i * i % 9973) as f32 * 0.37).sin();
        Picture { shape, values: (0..shape.len()).map(value).collect() }
    }

    /// A model of pictures of these layers.
    fn model(input: ImageShape, layers: Vec<Layer>) -> Model {
        let features = Input::Matrix { features: input.len() };
        let mut model = Model::new(features, layers, Loss::Mse, 3).expect("a model");
        let shapes = model.layer_shapes();
        let &[height, width, channels] = shapes.last().expect("layers").axes() else {
            panic!("pictures");
        };
        let output = ImageShape { width, height, channels };
        // Statistics other than those of the beginning.
        for parameter in model.parameters_mut() {
            let each = parameter.values.iter_mut().zip(0..);
            each.for_each(|(value, i)| *value += 0.01 * ((i * 7) % 13) as f32);
        }
        model.preprocessor = Preprocessor::Image(ImageEncoder {
            input,
            output,
            resize: false,
            made_grey: false,
            divisor: None,
            output_divisor: None,
        });
        model
    }

    fn reshape(shape: ImageShape) -> Layer {
        Layer::reshape(&[shape.height, shape.width, shape.channels].map(|length| length as i64))
    }

    fn nets() -> Vec<(&'static str, Model)> {
        let shape = |width, height, channels| ImageShape { width, height, channels };
        let unet = |shape: ImageShape| {
            let layers =
                super::super::networks::unet(shape, shape.channels, true, Activation::Linear);
            model(shape, layers.0)
        };
        let even = shape(16, 16, 1);
        let coder = super::super::networks::autoencoder(even, None, Activation::Sigmoid).0;
        let same =
            |filters: usize| Conv2d::new(filters, 3, Activation::Relu).with_padding(Padding::Same);
        let small = shape(9, 7, 2);
        let enlarging = vec![
            reshape(small),
            same(4).with_dilation(2).into(),
            BatchNorm::default().into(),
            Layer::upsample(2, Interpolation::Bilinear),
            Layer::activation_of(Activation::Tanh),
            same(1).into(),
        ];
        let pooled = vec![
            reshape(even),
            same(3).into(),
            MaxPool::new(2).into(),
            same(3).into(),
            Layer::upsample(2, Interpolation::Nearest),
            Layer::leaky_relu(0.1),
            same(1).into(),
        ];
        vec![
            ("even", unet(even)),
            ("odd", unet(shape(27, 19, 3))),
            ("coder", model(even, coder)),
            ("enlarging", model(small, enlarging)),
            ("pooled", model(even, pooled)),
        ]
    }

    #[test]
    fn tiles_give_the_pixels_of_the_whole() {
        let device = Device::cpu();
        for (name, model) in nets() {
            let Preprocessor::Image(encoder) = &model.preprocessor else { panic!("pictures") };
            for (width, height) in [(179, 97), (64, 168)] {
                let picture = [picture(width, height, encoder.input.channels)];
                let whole = AnySize::of(&model, Sizes { whole: usize::MAX, tile: 1 });
                let whole = whole.expect("any size").run(&picture, &device).expect("a picture");
                let scale = encoder.output.width / encoder.input.width;
                assert_eq!(whole[0].shape.width, width * scale, "{name}");
                assert_eq!(whole[0].shape.height, height * scale, "{name}");
                for tile in [8, 24] {
                    let any = AnySize::of(&model, Sizes { whole: 0, tile }).expect("any size");
                    let (sides, _) = any.accepted([height, width]).expect("sides");
                    let (_, axes) = any.tiled(sides).expect("tiles");
                    assert!(axes.iter().any(|axis| axis.len() > 1), "{name}: no tiles");
                    let found = any.run(&picture, &device).expect("a picture");
                    assert_eq!(found[0].shape, whole[0].shape);
                    let pairs = found[0].values.iter().zip(&whole[0].values);
                    let gap = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(gap < 1e-5, "{name} {width}x{height} in tiles of {tile}: {gap}");
                }
            }
        }
    }

    #[test]
    fn a_picture_of_the_models_own_size_is_what_the_model_gives() {
        for (name, model) in nets() {
            let Preprocessor::Image(encoder) = &model.preprocessor else { panic!("pictures") };
            let ImageShape { width, height, channels } = encoder.input;
            let pictures = [picture(width, height, channels), picture(width, height, channels)];
            let any = AnySize::of(&model, SIZES).expect("any size");
            let found = any.run(&pictures, &Device::cpu()).expect("pictures");
            let values = [pictures[0].values.clone(), pictures[1].values.clone()].concat();
            let inputs = Inputs::Matrix { values, features: encoder.input.len() };
            let given = model.predict(&inputs, &Device::cpu()).expect("pictures");
            assert_eq!([&found[0].values[..], &found[1].values].concat(), given, "{name}");
        }
    }

    #[test]
    fn models_of_one_size_are_told() {
        let shape = ImageShape { width: 16, height: 16, channels: 1 };
        let latent = super::super::networks::autoencoder(shape, Some(5), Activation::Sigmoid).0;
        assert!(AnySize::of(&model(shape, latent), SIZES).is_none());
        let features = Input::Matrix { features: 256 };
        let layers = vec![Layer::dense(256, Activation::Sigmoid)];
        let mut dense = Model::new(features, layers, Loss::Mse, 1).expect("a model");
        dense.preprocessor = Preprocessor::Image(ImageEncoder {
            input: shape,
            output: shape,
            resize: false,
            made_grey: false,
            divisor: None,
            output_divisor: None,
        });
        assert!(AnySize::of(&dense, SIZES).is_none());
        // One that is normalised over a whole picture goes through whole alone.
        let same = Conv2d::new(4, 3, Activation::Linear).with_padding(Padding::Same);
        let end = Conv2d::new(1, 3, Activation::Linear).with_padding(Padding::Same);
        let layers = vec![reshape(shape), same.into(), Layer::group_norm(2), end.into()];
        let model = model(shape, layers);
        let any = AnySize::of(&model, Sizes { whole: 0, tile: 8 }).expect("any size");
        assert!(any.tiled([64, 64]).is_none());
        let found = any.run(&[picture(40, 50, 1)], &Device::cpu()).expect("a picture");
        assert_eq!(found[0].shape, ImageShape { width: 40, height: 50, channels: 1 });
    }

    #[test]
    fn tiles_cover_an_axis_once() {
        assert_eq!([0, 1, 2, 3, 4, 5, 9].map(|i| mirrored(i, 3)), [0, 1, 2, 1, 0, 1, 1]);
        assert_eq!(mirrored(7, 1), 0);
        for (whole, length, halo, stride) in
            [(100, 40, 5, 4), (100, 100, 5, 4), (96, 16, 4, 4), (103, 43, 6, 4), (41, 40, 3, 1)]
        {
            let found = tiles(whole, length, halo, stride).expect("tiles");
            let mut covered = 0;
            for Tile { from, kept } in &found {
                assert!(from.is_multiple_of(stride), "{found:?}");
                assert!(kept.start <= covered && kept.end <= from + length, "{found:?}");
                assert!(kept.start == 0 || kept.start >= from + halo, "{found:?}");
                assert!(kept.end == whole || kept.end + halo <= from + length, "{found:?}");
                covered = covered.max(kept.end);
            }
            assert_eq!(covered, whole);
        }
        assert_eq!(tiles(100, 10, 5, 4), None);
        assert_eq!(tiles(101, 40, 5, 4), None);
    }
}
