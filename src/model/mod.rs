//! What a model is: layers and their shapes, weights and their initialisers, a loss, what turns
//! raw data into its inputs, its summary and its file.

mod activation;
mod file;
mod layer;
mod loss;
mod summary;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

pub use activation::Activation;
pub use file::{read_weights, write_whole};
pub use layer::{Layer, ParameterSpec, Shape};
pub use loss::Loss;

use crate::data::TableEncoder;
use crate::error::{Error, Result};
use crate::text::TextEncoder;

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
pub enum Encoder {
    /// Nothing: ids or a matrix come as they are.
    #[default]
    None,
    /// A tokenizer with its vocabulary.
    Text(TextEncoder),
    /// Columns of a table, standardised.
    Table(TableEncoder),
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

/// Layers with weights, and everything needed to use them.
///
/// ```
/// use wgslearn::{Activation, Input, Layer, Loss, Model};
///
/// let model = Model::new(
///     Input::Ids { length: 4 },
///     vec![
///         Layer::Embedding { rows: 20, units: 8 },
///         Layer::Flatten {},
///         Layer::Dense { units: 1, activation: Activation::Sigmoid },
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
    pub encoder: Encoder,
    /// Names of the classes, for a classifier: two of them with one output, else one an output.
    pub labels: Vec<String>,
}

impl Model {
    /// A model with fresh weights, drawn by `seed` from Keras' initialisers: embeddings uniform in
    /// +-0.05, dense kernels Glorot uniform (Glorot and Bengio 2010), biases zero.
    ///
    /// # Errors
    /// [`Error::Model`] when a layer cannot follow the one before, or the loss does not go with
    /// the last activation.
    pub fn new(input: Input, layers: Vec<Layer>, loss: Loss, seed: u64) -> Result<Model> {
        let mut model = Model {
            input,
            layers,
            loss,
            parameters: Vec::new(),
            encoder: Encoder::None,
            labels: Vec::new(),
        };
        let specs = model.check()?;
        let draw = |(stream, spec): (usize, ParameterSpec)| {
            let mut generator = ChaCha8Rng::seed_from_u64(seed);
            generator.set_stream(stream as u64);
            let limit = spec.limit;
            let count = spec.shape.iter().product();
            // 24 random bits make a float in [0, 1) exactly.
            let mut uniform = || (generator.next_u32() >> 8) as f32 / 16_777_216.0;
            let values = if limit == 0.0 {
                vec![0.0; count]
            } else {
                (0..count).map(|_| (2.0 * uniform() - 1.0) * limit).collect()
            };
            Parameter { name: spec.name, shape: spec.shape, values }
        };
        model.parameters = specs.into_iter().enumerate().map(draw).collect();
        Ok(model)
    }

    /// Checks layers and loss; returns what parameters they have.
    fn check(&self) -> Result<Vec<ParameterSpec>> {
        if self.layers.is_empty() {
            return Err(Error::Model("a model needs at least one layer".into()));
        }
        let shapes = self.shapes()?;
        let names = self.layer_names();
        let last = self.layers.len() - 1;
        let mut specs = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            if let Layer::Dense { activation: Activation::Softmax, .. } = layer
                && i != last
            {
                return Err(Error::Model(format!(
                    "layer {} ({}): softmax stands in the last layer only; use relu or tanh here",
                    i + 1,
                    names[i]
                )));
            }
            specs.extend(layer.parameters(shapes[i], &names[i]));
        }
        let Layer::Dense { activation, .. } = self.layers[last] else {
            return Err(Error::Model(format!(
                "the last layer is {}, but a model ends in a dense layer",
                self.layers[last].kind()
            )));
        };
        self.loss.check(activation)?;
        Ok(specs)
    }

    /// What each layer reads, and last what the model gives.
    fn shapes(&self) -> Result<Vec<Shape>> {
        let mut shapes = vec![Shape::from(self.input)];
        for (i, layer) in self.layers.iter().enumerate() {
            let next = layer.output(shapes[i]).map_err(|message| {
                Error::Model(format!("layer {} ({}): {message}", i + 1, layer.kind()))
            })?;
            shapes.push(next);
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
        let mut names: Vec<String> = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let before = self.layers[..i].iter().filter(|l| l.kind() == layer.kind()).count();
            names.push(match before {
                0 => layer.kind().to_owned(),
                n => format!("{}_{n}", layer.kind()),
            });
        }
        names
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
        match self.layers.last() {
            Some(Layer::Dense { activation, .. }) => *activation,
            _ => Activation::Linear,
        }
    }

    /// Rows of the embedding, where there is one.
    pub fn embedding_rows(&self) -> Option<usize> {
        self.layers.iter().find_map(|layer| match layer {
            Layer::Embedding { rows, .. } => Some(*rows),
            _ => None,
        })
    }

    /// The weights.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Number of weights.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|parameter| parameter.values.len()).sum()
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
            if parameter.shape != weight.shape {
                return Err(Error::Model(format!(
                    "{} has the shape {:?}, not {:?}",
                    weight.name, parameter.shape, weight.shape
                )));
            }
            parameter.values = weight.values;
        }
        Ok(())
    }
}
