//! What a model is: layers and their shapes, weights and their initialisers, a loss, what turns
//! raw data into its inputs, its summary and its file.

pub(crate) mod fasttext;
mod file;
mod kind;
mod noise;
pub(crate) mod seal;
mod storage;
mod summary;
#[cfg(test)]
mod tests;
mod validate;

use std::path::PathBuf;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

pub use crate::layers::{Activation, BagMode, Layer, Shape};
pub use crate::losses::Loss;
pub use file::read_weights;
pub use kind::Kind;
pub use noise::{Noise, NoiseKind};
pub use storage::Storage;

use crate::data::{ImageEncoder, ImageShape, TableEncoder};
use crate::error::{Error, Result};
use crate::layers::Initializer;
use crate::layers::reach::Field;

use crate::text::{Room, TextEncoder};

/// What a model's first layer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Rows of ids.
    Ids {
        /// Ids of a row.
        length: usize,
    },
    /// Rows of features.
    Matrix {
        /// Features of a row.
        features: usize,
    },
}

impl From<Input> for Shape {
    fn from(input: Input) -> Shape {
        match input {
            Input::Ids { length } => Shape::ids(length),
            Input::Matrix { features } => Shape::vector(features),
        }
    }
}

impl Input {
    /// Elements of a row.
    pub fn width(self) -> usize {
        match self {
            Input::Ids { length } => length,
            Input::Matrix { features } => features,
        }
    }
}

/// What turns raw data into a model's inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preprocessor {
    /// Nothing: ids or a matrix come as they are.
    #[default]
    None,
    /// A tokenizer with its vocabulary.
    Text(TextEncoder),
    /// Columns of a table, standardised.
    Table(TableEncoder),
    /// Pixels from 0 to 1.
    Image(ImageEncoder),
}

/// The data that a model was trained on, so that commands which compare with them find them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The file or folder, as it was named. A name that is not UTF-8 is written with what is wrong in it replaced.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// That of the targets, for a model that gives something else than it reads.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "lossy_option")]
    pub targets: Option<PathBuf>,
    /// Column or key of the text, for texts.
    pub text_column: String,
    /// What stands between the labels of a row, where there are several in one field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_separator: Option<String>,
}

fn lossy<S: serde::Serializer>(
    path: &std::path::Path,
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

fn lossy_option<S: serde::Serializer>(
    path: &Option<PathBuf>,
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(to)
}

/// One array of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Layer and role: `embedding.weight`, `dense.kernel`, `dense_1.bias`.
    pub name: String,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// Its values, the last axis fastest.
    pub values: Vec<f32>,
}

impl Parameter {
    /// Number of values, by the shape.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A parameter before it has values.
struct NamedSpec {
    name: String,
    shape: Vec<usize>,
    initializer: Initializer,
}

/// Layers with weights, and everything needed to use them.
///
/// ```
/// use wgslearn::{Activation, Input, Layer, Loss, Model};
///
/// let model = Model::new(
///     Input::Ids { length: 4 },
///     vec![
///         Layer::embedding(20, 8),
///         Layer::flatten(),
///         Layer::dense(1, Activation::Sigmoid),
///     ],
///     Loss::BinaryCrossentropy,
///     7,
/// )?;
/// assert_eq!(model.parameter_count(), 193);
/// # Ok::<(), wgslearn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    input: Input,
    layers: Vec<Layer>,
    loss: Loss,
    parameters: Vec<Parameter>,
    /// What turns raw data into inputs.
    pub preprocessor: Preprocessor,
    /// Names of the classes, for a classifier: two of them with one output, else one an output.
    pub labels: Vec<String>,
    /// For a model of several labels a row: the probability from which on a label is answered, one for all or one a
    /// label; 0.5 where it is empty.
    pub thresholds: Vec<f32>,
    /// Layers of the encoder, for an autoencoder: what they give is the code.
    pub latent_layer: Option<usize>,
    /// What the inputs are disturbed by in training, for a model that learns to undo it.
    pub noise: Option<Noise>,
    /// What it was trained on, where that is known.
    pub source: Option<Source>,
    /// What it is for, where its file says so.
    kind: Option<Kind>,
}

impl Model {
    /// A model with fresh weights, drawn by `seed` from Keras' initialisers: embeddings uniform in
    /// +-0.05, dense kernels Glorot uniform (Glorot and Bengio 2010), biases zero.
    ///
    /// # Errors
    /// [`Error::Model`] when a layer cannot follow the one before, or the loss does not go with
    /// the last activation.
    pub fn new(input: Input, layers: Vec<Layer>, loss: Loss, seed: u64) -> Result<Model> {
        let mut model = Model::without_parameters(input, layers, loss);
        let specs = model.check()?;
        let too_large = |spec: &NamedSpec| {
            Error::Model(format!(
                "the weights {} of shape {:?} do not fit in this machine's memory; give the layer fewer units",
                spec.name, spec.shape
            ))
        };
        for spec in &specs {
            let count = spec.shape.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
            let room = count.map(|count| Vec::<f32>::new().try_reserve_exact(count));
            if !matches!(room, Some(Ok(()))) {
                return Err(too_large(spec));
            }
        }
        let draw = |(stream, spec): (usize, NamedSpec)| {
            let mut generator = ChaCha8Rng::seed_from_u64(seed);
            generator.set_stream(stream as u64);
            let count = spec.shape.iter().product();
            // 24 random bits make a float in [0, 1) exactly.
            let mut uniform = || (generator.next_u32() >> 8) as f32 / 16_777_216.0;
            let values = match spec.initializer {
                Initializer::Zeros => vec![0.0; count],
                Initializer::Ones => vec![1.0; count],
                Initializer::Uniform(limit) => {
                    (0..count).map(|_| (2.0 * uniform() - 1.0) * limit).collect()
                }
            };
            Parameter { name: spec.name, shape: spec.shape, values }
        };
        model.parameters = specs.into_iter().enumerate().map(draw).collect();
        Ok(model)
    }

    /// Number of weights that [`Model::new`] would draw, without drawing them.
    ///
    /// # Errors
    /// As [`Model::new`].
    pub fn count_parameters(input: Input, layers: &[Layer], loss: Loss) -> Result<u64> {
        let specs = Model::without_parameters(input, layers.to_vec(), loss).check()?;
        let count = |spec: &NamedSpec| {
            spec.shape.iter().fold(1u64, |count, &n| count.saturating_mul(n as u64))
        };
        Ok(specs.iter().map(count).fold(0, u64::saturating_add))
    }

    /// Elements of what these layers give for a row of `input`.
    ///
    /// # Errors
    /// [`Error::Model`] when a layer cannot follow the one before.
    pub(crate) fn width_of(input: Input, layers: &[Layer]) -> Result<usize> {
        let shapes = Model::without_parameters(input, layers.to_vec(), Loss::Mse).shapes()?;
        Ok(shapes.last().map_or(0, |shape| shape.width()))
    }

    fn without_parameters(input: Input, layers: Vec<Layer>, loss: Loss) -> Model {
        Model {
            input,
            layers,
            loss,
            parameters: Vec::new(),
            preprocessor: Preprocessor::None,
            labels: Vec::new(),
            thresholds: Vec::new(),
            latent_layer: None,
            noise: None,
            source: None,
            kind: None,
        }
    }

    /// A model with these weights, given by name.
    fn with_parameters(
        input: Input,
        layers: Vec<Layer>,
        loss: Loss,
        mut weights: Vec<Parameter>,
    ) -> Result<Model> {
        let mut model = Model::without_parameters(input, layers, loss);
        for spec in model.check()? {
            let Some(i) = weights.iter().position(|weight| weight.name == spec.name) else {
                return Err(Error::Model(format!("the weights {} are missing", spec.name)));
            };
            let weight = weights.swap_remove(i);
            if weight.shape != spec.shape {
                return Err(Error::Model(format!(
                    "{} has the shape {:?}, not {:?}",
                    weight.name, weight.shape, spec.shape
                )));
            }
            model.parameters.push(weight);
        }
        Ok(model)
    }

    /// The model without the values of its weights: what a session keeps beside the device's.
    pub(crate) fn skeleton(&self) -> Model {
        let bare = |p: &Parameter| Parameter {
            name: p.name.clone(),
            shape: p.shape.clone(),
            values: Vec::new(),
        };
        let parameters = self.parameters.iter().map(bare);
        Model {
            parameters: parameters.collect(),
            layers: self.layers.clone(),
            preprocessor: Preprocessor::None,
            labels: Vec::new(),
            thresholds: Vec::new(),
            source: None,
            ..*self
        }
    }

    /// The layers from the first to the code, as a model that gives codes.
    ///
    /// # Errors
    /// [`Error::Model`] when the model is no autoencoder.
    pub fn encoder_part(&self) -> Result<Model> {
        let mut part = self.part(0..self.latent_layers()?)?;
        part.preprocessor = self.preprocessor.clone();
        Ok(part)
    }

    /// The layers behind the code, as a model that reads codes.
    ///
    /// # Errors
    /// [`Error::Model`] when the model is no autoencoder.
    pub fn decoder_part(&self) -> Result<Model> {
        self.part(self.latent_layers()?..self.layers.len())
    }

    /// The model for rows of texts of another size, where its layers read texts of any length (a mean, a bag): the
    /// same weights, another width of the input. `None` where a layer's weights are for one length.
    pub(crate) fn for_room(&self, room: Room) -> Option<Model> {
        let Preprocessor::Text(encoder) = &self.preprocessor else { return None };
        let encoder = encoder.with_room(room);
        let input = Input::Ids { length: encoder.width() };
        let weights = self.parameters.clone();
        let layers = self.layers.clone();
        let model = Model::with_parameters(input, layers, self.loss, weights).ok()?;
        Some(Model {
            preprocessor: Preprocessor::Text(encoder),
            labels: self.labels.clone(),
            thresholds: self.thresholds.clone(),
            latent_layer: self.latent_layer,
            noise: self.noise,
            source: self.source.clone(),
            kind: self.kind,
            ..model
        })
    }

    /// The model that reads the longest of these texts whole: itself where none is longer than those it was
    /// trained on, or where it reads one length alone.
    pub(crate) fn for_texts<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
    ) -> std::borrow::Cow<'_, Model> {
        let Preprocessor::Text(encoder) = &self.preprocessor else {
            return std::borrow::Cow::Borrowed(self);
        };
        let (largest, room) = (encoder.measure(texts).0, encoder.room());
        let larger = (!room.holds(largest)).then(|| self.for_room(room.max(largest))).flatten();
        larger.map_or(std::borrow::Cow::Borrowed(self), std::borrow::Cow::Owned)
    }

    /// The model that reads pictures of these sides, height and width, by the same weights; none where the layers are for
    /// one size alone, or give no pictures.
    pub(crate) fn for_pictures(&self, [height, width]: [usize; 2]) -> Option<Model> {
        let Preprocessor::Image(encoder) = self.preprocessor else { return None };
        if self.layers.first()?.kind() != "reshape" {
            return None;
        }
        let &[_, _, channels] = self.layer_shapes().get(1)?.axes() else { return None };
        let mut layers = self.layers.clone();
        layers[0] = Layer::reshape(&[height, width, channels].map(|length| length as i64));
        let input = ImageShape { width, height, channels };
        let features = Input::Matrix { features: input.len() };
        let parameters = self.parameters.clone();
        // What it gives is known behind the layers, and a loss of pictures knows their width.
        let mut model = Model::with_parameters(features, layers, Loss::Mse, parameters).ok()?;
        let &[height, width, channels] = model.layer_shapes().last()?.axes() else { return None };
        let output = ImageShape { width, height, channels };
        model.loss = self.loss.of_width(width);
        model.loss.objective().check_outputs(output.len()).ok()?;
        let preprocessor = Preprocessor::Image(ImageEncoder { input, output, ..encoder });
        Some(Model { preprocessor, kind: self.kind, ..model })
    }

    /// What of a picture a pixel that the model gives depends on; none where that is all of it.
    pub(crate) fn field(&self) -> Option<Field> {
        // The first layer makes a picture of a row.
        Field::of(self.layers.iter().skip(1).map(|layer| layer.describe().reach()))
    }

    /// The model with another table in its first layer, and without dropout and the last activation: it gives scores.
    ///
    /// # Errors
    /// [`Error::Model`] when the first layer has no such table.
    pub(crate) fn as_scores(&self, table: Parameter) -> Result<Model> {
        let rows = table.shape.first().copied().unwrap_or(0);
        let mut layers = self.layers.clone();
        for (i, layer) in layers.iter_mut().enumerate() {
            if i == 0 {
                *layer = layer.clone().with_table_rows(rows);
            }
            let at_rest = layer.describe().at_rest();
            *layer = at_rest.unwrap_or_else(|| layer.clone());
        }
        if let Some(last) = layers.last_mut() {
            let linear = last.describe().with_activation(Activation::Linear);
            *last = linear.unwrap_or_else(|| last.clone());
        }
        let mut weights = self.parameters.clone();
        if let Some(first) = weights.first_mut() {
            *first = table;
        }
        Model::with_parameters(self.input, layers, Loss::Mse, weights)
    }

    /// Whether what it gives, and so its errors, are in standard deviations of columns: rows of a table or a matrix that it
    /// gives back.
    pub fn gives_standardised(&self) -> bool {
        self.latent_layer.is_some() && matches!(self.preprocessor, Preprocessor::Table(_))
    }

    /// Whether it was trained to give something else than it reads.
    pub fn translates(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.targets.is_some())
    }

    /// Elements of a code.
    ///
    /// # Errors
    /// [`Error::Model`] when the model is no autoencoder.
    pub fn latent_width(&self) -> Result<usize> {
        Ok(self.layer_shapes()[self.latent_layers()?].width())
    }

    fn latent_layers(&self) -> Result<usize> {
        self.latent_layer.filter(|&code| code > 0 && code <= self.layers.len()).ok_or_else(|| {
            Error::Model("the model has no latent layer; make an autoencoder with `wgslearn train autoencoder`".into())
        })
    }

    /// Some of the layers as a model of their own.
    fn part(&self, range: std::ops::Range<usize>) -> Result<Model> {
        let input = match (range.start, self.layer_shapes()[range.start]) {
            (0, _) => self.input,
            (_, shape) => Input::Matrix { features: shape.width() },
        };
        let layers = self.layers_of_part(range.clone())?;
        let Some(last) = layers.last() else {
            return Err(Error::Model("the model has no layer behind its code".into()));
        };
        let loss = match range.end == self.layers.len() {
            true => self.loss,
            false => Loss::for_activation(last.activation()),
        };
        let mut part = Model::without_parameters(input, layers, loss);
        let skipped = self.parameters_before(range.start);
        for (spec, from) in part.check()?.into_iter().zip(&self.parameters[skipped..]) {
            let (shape, values) = (spec.shape, from.values.clone());
            part.parameters.push(Parameter { name: spec.name, shape, values });
        }
        Ok(part)
    }

    /// Some of the layers, whose names may be others among themselves than among all.
    fn layers_of_part(&self, range: std::ops::Range<usize>) -> Result<Vec<Layer>> {
        let mut layers = self.layers[range.clone()].to_vec();
        // A picture in the middle is given as a row, as every input is.
        let shape = self.layer_shapes()[range.start];
        let is_picture = range.start > 0 && shape.axes().len() > 1;
        if is_picture {
            let axes: Vec<i64> = shape.axes().iter().map(|&length| length as i64).collect();
            layers.insert(0, Layer::reshape(&axes));
        }
        let (before, after) = (self.layer_names(), names_of(&layers));
        for layer in &mut layers {
            let Some(from) = layer.from() else { continue };
            let earlier = before.iter().position(|name| name == from);
            let Some(i) = earlier.filter(|i| range.contains(i)) else {
                return Err(Error::Model(format!(
                    "a layer reads from {from}, which lies beyond the latent layer, so that neither part works without the other"
                )));
            };
            if let Some(renamed) =
                layer.describe().renamed(after[i - range.start + is_picture as usize].clone())
            {
                *layer = renamed;
            }
        }
        Ok(layers)
    }

    /// Checks layers and loss; returns what parameters they have.
    fn check(&self) -> Result<Vec<NamedSpec>> {
        if self.layers.is_empty() {
            return Err(Error::Model("a model needs at least one layer".into()));
        }
        if self.input.width() == 0 {
            return Err(Error::Model(
                "a row has no elements, but a model reads at least one".into(),
            ));
        }
        let shapes = self.shapes()?;
        let names = self.layer_names();
        let last = self.layers.len() - 1;
        let mut specs = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            if layer.activation() == Activation::Softmax && i != last {
                return Err(Error::Model(format!(
                    "layer {} ({}): softmax stands in the last layer only; use relu or tanh here",
                    i + 1,
                    names[i]
                )));
            }
            specs.extend(layer.describe().parameters(shapes[i]).into_iter().map(|spec| {
                NamedSpec {
                    name: format!("{}.{}", names[i], spec.role),
                    shape: spec.shape,
                    initializer: spec.initializer,
                }
            }));
        }
        let activation = self.layers[last].activation();
        if activation == Activation::Softmax && shapes[last + 1].units() == 1 {
            return Err(Error::Model(
                "a softmax of one unit is 1 whatever it reads; give it a unit for each class, or take sigmoid".into(),
            ));
        }
        if !self.layers[last].describe().can_end() {
            return Err(Error::Model(format!(
                "the last layer is {}, but a model ends in a dense layer",
                self.layers[last].kind()
            )));
        }
        self.loss.check(activation, shapes[last + 1].width())?;
        Ok(specs)
    }

    /// What each layer reads, and last what the model gives.
    fn shapes(&self) -> Result<Vec<Shape>> {
        let mut shapes = vec![Shape::from(self.input)];
        for (i, layer) in self.layers.iter().enumerate() {
            let wrong = |message: String| {
                Error::Model(format!("layer {} ({}): {message}", i + 1, layer.kind()))
            };
            let mut inputs = vec![shapes[i]];
            if let Some(from) = layer.from() {
                let names = names_of(&self.layers[..i]);
                let Some(earlier) = names.iter().position(|name| name == from) else {
                    let known = match i {
                        0 => "there is none before it".to_owned(),
                        _ => format!("before it are {}", names.join(", ")),
                    };
                    return Err(wrong(format!(
                        "it reads from {from:?}, which is no layer before it; {known}"
                    )));
                };
                inputs.push(shapes[earlier + 1]);
            }
            shapes.push(layer.describe().output(&inputs).map_err(wrong)?);
        }
        Ok(shapes)
    }

    /// Shapes between layers: what each layer reads, and last what the model gives.
    pub fn layer_shapes(&self) -> Vec<Shape> {
        // A model that exists was checked.
        self.shapes().unwrap_or_default()
    }

    /// Names of the layers: their kind, numbered from the second of a kind on, as Keras'.
    pub fn layer_names(&self) -> Vec<String> {
        names_of(&self.layers)
    }

    /// What the first layer reads.
    pub fn input(&self) -> Input {
        self.input
    }

    /// The layers.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The loss it is trained with.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Units of the last layer.
    pub fn outputs(&self) -> usize {
        self.layer_shapes().last().map_or(0, |shape| shape.width())
    }

    /// The last layer's activation.
    pub fn output_activation(&self) -> Activation {
        self.layers.last().map_or(Activation::Linear, Layer::activation)
    }

    /// Rows of the embedding or bag, where there is one: every id is below.
    pub fn embedding_rows(&self) -> Option<usize> {
        self.layers.iter().find_map(Layer::table_rows)
    }

    /// The weights.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Number of weights.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(Parameter::count).sum()
    }

    /// The weights, to be replaced by others of the same shapes.
    pub(crate) fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// Of each parameter whether it is a running statistic, which no optimizer changes.
    pub(crate) fn are_statistics(&self) -> Vec<bool> {
        let shapes = self.layer_shapes();
        let of = |(layer, &input): (&Layer, &Shape)| {
            let layer = layer.describe();
            let count = layer.parameters(input).len();
            let learning = count - layer.statistics();
            (0..count).map(move |i| i >= learning)
        };
        self.layers.iter().zip(&shapes).flat_map(of).collect()
    }

    /// Number of weights that an optimizer changes: all but running statistics.
    pub fn trainable_count(&self) -> usize {
        let all = self.parameters.iter().zip(self.are_statistics());
        all.filter(|(_, is_statistic)| !is_statistic).map(|(p, _)| p.count()).sum()
    }

    /// Parameters that the first `layers` layers have.
    pub(crate) fn parameters_before(&self, layers: usize) -> usize {
        let shapes = self.layer_shapes();
        let count = |i: usize| self.layers[i].describe().parameters(shapes[i]).len();
        (0..layers.min(self.layers.len())).map(count).sum()
    }

    /// Replaces weights by name; parameters that `weights` does not name keep theirs.
    ///
    /// # Errors
    /// [`Error::Model`] when a name is unknown or a shape differs.
    pub fn set_parameters(&mut self, weights: Vec<Parameter>) -> Result<()> {
        for weight in weights {
            let known = self.parameters.iter().map(|p| p.name.as_str()).collect::<Vec<_>>();
            let Some(i) = known.iter().position(|name| *name == weight.name) else {
                return Err(Error::Model(format!(
                    "the model has no weights called {}; it has {}",
                    weight.name,
                    known.join(", ")
                )));
            };
            let parameter = &mut self.parameters[i];
            if parameter.shape != weight.shape || weight.values.len() != parameter.count() {
                return Err(Error::Model(format!(
                    "{} has the shape {:?}, not {:?} with {} values",
                    weight.name,
                    parameter.shape,
                    weight.shape,
                    weight.values.len()
                )));
            }
            parameter.values = weight.values;
        }
        Ok(())
    }
}

/// Names of layers: their kind, numbered from the second of a kind on.
fn names_of(layers: &[Layer]) -> Vec<String> {
    let name = |(i, layer): (usize, &Layer)| match layers[..i]
        .iter()
        .filter(|other| other.kind() == layer.kind())
        .count()
    {
        0 => layer.kind().to_owned(),
        n => format!("{}_{n}", layer.kind()),
    };
    layers.iter().enumerate().map(name).collect()
}
