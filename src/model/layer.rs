//! Layers: what each reads and gives, and its parameters. What a layer computes is recorded in
//! `train/record.rs`.

use serde::{Deserialize, Serialize};

use super::{Activation, Input};

/// How the vectors of a bag become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BagMode {
    /// Their sum: a dense layer over counts.
    #[default]
    Sum,
    /// Their mean.
    Mean,
    /// Their sum over the root of their number, so that long texts are not louder than short ones.
    #[serde(rename = "sqrt", alias = "sqrtn")]
    SqrtN,
}

/// A layer. In TOML: `{ dense = { units = 11, activation = "relu" } }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    /// A row of a table for each id: `[length]` ids to `[length, units]`.
    Embedding {
        /// Rows of the table: ids are below it.
        rows: usize,
        /// Width of the table.
        units: usize,
    },
    /// activation(the combined rows of a table for a row's ids + b): `[length]` ids to `[units]`. A
    /// dense layer over the bag of the ids, whose row of counts is never made; id 0 adds nothing.
    // `bag` and `combine` are its names in files since the first release.
    #[serde(rename = "bag", alias = "embedding_bag")]
    EmbeddingBag {
        /// Rows of the table: ids are below it.
        rows: usize,
        /// Outputs.
        units: usize,
        /// How the rows become one.
        #[serde(default)]
        #[serde(rename = "combine", alias = "mode")]
        mode: BagMode,
        /// Applied to each output; linear unless given.
        #[serde(default)]
        activation: Activation,
    },
    /// `[length, units]` to `[length * units]`.
    Flatten {},
    /// `[length, units]` to `[units]`: the mean over positions whose id is not 0.
    MeanPool {},
    /// activation(x W + b).
    Dense {
        /// Outputs.
        units: usize,
        /// Applied to each output; linear unless given.
        #[serde(default)]
        activation: Activation,
    },
    /// In training, each element is dropped with probability `rate` and the rest scaled up.
    Dropout {
        /// From 0 to below 1.
        rate: f64,
    },
}

/// What lies between two layers, for one row of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Ids, `[length]`.
    Ids(usize),
    /// A vector for each position, `[length, units]`.
    Sequence(usize, usize),
    /// A vector, `[units]`.
    Vector(usize),
}

impl From<Input> for Shape {
    fn from(input: Input) -> Shape {
        match input {
            Input::Ids { length } => Shape::Ids(length),
            Input::Matrix { features } => Shape::Vector(features),
        }
    }
}

impl Shape {
    /// Elements of a row.
    pub fn width(self) -> usize {
        match self {
            Shape::Ids(length) => length,
            Shape::Sequence(length, units) => length * units,
            Shape::Vector(units) => units,
        }
    }
}

impl std::fmt::Display for Shape {
    /// As Keras prints it, with `None` for the rows of a batch.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shape::Ids(n) | Shape::Vector(n) => write!(f, "(None, {n})"),
            Shape::Sequence(length, units) => write!(f, "(None, {length}, {units})"),
        }
    }
}

/// A parameter before it has values.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// Layer and role.
    pub name: String,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// Fresh values are uniform from -limit to limit; 0 means zeros.
    pub limit: f32,
    /// Whether the values are a bias, which lies behind its kernel.
    pub is_bias: bool,
}

impl Layer {
    /// Its kind: `embedding`, `bag`, `flatten`, `mean_pool`, `dense`, `dropout`.
    pub fn kind(&self) -> &'static str {
        match self {
            Layer::Embedding { .. } => "embedding",
            Layer::EmbeddingBag { .. } => "bag",
            Layer::Flatten {} => "flatten",
            Layer::MeanPool {} => "mean_pool",
            Layer::Dense { .. } => "dense",
            Layer::Dropout { .. } => "dropout",
        }
    }

    /// The kind as Keras' class names are written.
    pub fn title(&self) -> &'static str {
        match self {
            Layer::Embedding { .. } => "Embedding",
            Layer::EmbeddingBag { .. } => "Bag",
            Layer::Flatten {} => "Flatten",
            Layer::MeanPool {} => "MeanPool",
            Layer::Dense { .. } => "Dense",
            Layer::Dropout { .. } => "Dropout",
        }
    }

    /// Its activation; linear for layers that have none.
    pub fn activation(&self) -> Activation {
        match self {
            Layer::Dense { activation, .. } | Layer::EmbeddingBag { activation, .. } => *activation,
            _ => Activation::Linear,
        }
    }

    /// What it gives for what it reads; the error says what it would need.
    pub(super) fn output(&self, input: Shape) -> Result<Shape, String> {
        match (*self, input) {
            (
                Layer::Embedding { rows: 0, .. }
                | Layer::Embedding { units: 0, .. }
                | Layer::EmbeddingBag { rows: 0, .. }
                | Layer::EmbeddingBag { units: 0, .. },
                _,
            ) => Err("rows and units must be at least 1".into()),
            (Layer::Dense { units: 0, .. }, _) => Err("units must be at least 1".into()),
            (Layer::Dropout { rate }, _) if !(0.0..1.0).contains(&rate) => {
                Err(format!("the rate is {rate}, but must be at least 0 and below 1"))
            }
            (Layer::Embedding { units, .. }, Shape::Ids(length)) => {
                Ok(Shape::Sequence(length, units))
            }
            (Layer::Embedding { .. }, _) => {
                Err("an embedding reads ids, so it stands first and the data are ids".into())
            }
            (Layer::EmbeddingBag { units, .. }, Shape::Ids(_)) => Ok(Shape::Vector(units)),
            (Layer::EmbeddingBag { .. }, _) => {
                Err("a bag reads ids, so it stands first and the data are ids".into())
            }
            (_, Shape::Ids(_)) => {
                Err("the data are ids, which an embedding or a bag must read first".into())
            }
            (Layer::Flatten {}, shape) => Ok(Shape::Vector(shape.width())),
            (Layer::MeanPool {}, Shape::Sequence(_, units)) => Ok(Shape::Vector(units)),
            (Layer::MeanPool {}, Shape::Vector(_)) => {
                Err("mean_pool reads the vectors of an embedding".into())
            }
            (Layer::Dense { units, .. }, Shape::Vector(_)) => Ok(Shape::Vector(units)),
            (Layer::Dense { .. }, Shape::Sequence(..)) => {
                Err("a dense layer reads one vector; put flatten or mean_pool before it".into())
            }
            (Layer::Dropout { .. }, shape) => Ok(shape),
        }
    }

    /// Its parameters, with Keras' initialisers.
    pub(crate) fn parameters(&self, input: Shape, name: &str) -> Vec<ParameterSpec> {
        match *self {
            Layer::Embedding { rows, units } => vec![ParameterSpec {
                name: format!("{name}.weight"),
                shape: vec![rows, units],
                limit: 0.05,
                is_bias: false,
            }],
            Layer::EmbeddingBag { rows, units, .. } => kernel_and_bias(name, rows, units),
            Layer::Dense { units, .. } => kernel_and_bias(name, input.width(), units),
            Layer::Flatten {} | Layer::MeanPool {} | Layer::Dropout { .. } => Vec::new(),
        }
    }
}

/// A kernel with Glorot and Bengio's limit (2010), and a bias of zeros.
fn kernel_and_bias(name: &str, inputs: usize, units: usize) -> Vec<ParameterSpec> {
    let limit = (6.0 / (inputs + units) as f64).sqrt() as f32;
    vec![
        ParameterSpec {
            name: format!("{name}.kernel"),
            shape: vec![inputs, units],
            limit,
            is_bias: false,
        },
        ParameterSpec {
            name: format!("{name}.bias"),
            shape: vec![units],
            limit: 0.0,
            is_bias: true,
        },
    ]
}
