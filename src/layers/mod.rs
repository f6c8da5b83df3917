//! Layers, one file each: configuration, shapes, parameters with their initialisers, and what each records
//! forward and backward. `plan.rs` has the contract between neighbours, `reach.rs` what of a picture a layer's pixel depends on,
//! `record.rs` what a layer sees as it records, `table.rs` the gradients of tables that embeddings share, `candidates.rs` how a
//! dense layer of very many classes learns from some of them.
//!
//! A new layer is a file like `dense.rs` and a line in the list below; nobody else knows its name.

mod activation;
mod shape;
mod window;

pub(crate) mod candidates;
pub(crate) mod plan;
pub(crate) mod reach;
pub(crate) mod record;
pub(crate) mod sort;
pub(crate) mod table;

use serde::{Deserialize, Serialize};

pub use activation::Activation;
pub use shape::Shape;
pub use window::{Padding, Pair};

use plan::{Lowering, ValueId};
use reach::Reach;

/// What a layer says of itself. Shapes and widths are of one row of a batch.
pub(crate) trait Describe {
    /// Its name in TOML and model files: `dense`.
    fn kind(&self) -> &'static str;

    /// The same as Keras' class names are written.
    fn title(&self) -> &'static str;

    /// Its activation; linear for layers that have none.
    fn activation(&self) -> Activation {
        Activation::Linear
    }

    /// The earlier layer that it reads beside the one before it, by name.
    fn from(&self) -> Option<&str> {
        None
    }

    /// The same layer with another name in [`Describe::from`].
    fn renamed(&self, _from: String) -> Option<Layer> {
        None
    }

    /// What it gives for what it reads: the layer before first, then [`Describe::from`]; the error says what
    /// it would need.
    fn output(&self, inputs: &[Shape]) -> Result<Shape, String>;

    /// Its parameters, in the order in which they lie in memory. Initial values are drawn by number.
    fn parameters(&self, _input: Shape) -> Vec<ParameterSpec> {
        Vec::new()
    }

    /// How its parameters lie: none for layers without.
    fn layout(&self, _input: Shape) -> Option<Layout> {
        None
    }

    /// How many of its parameters, the last ones, are running statistics of what it reads: each of as many elements as
    /// its layout has units. They lie in a piece of their own; no optimizer changes them.
    fn statistics(&self) -> usize {
        0
    }

    /// Rows of its table, for layers that read ids: every id is below.
    fn table_rows(&self) -> Option<usize> {
        None
    }

    /// The same with a table of this many rows, for layers that have one.
    fn with_table_rows(&self, _rows: usize) -> Option<Layer> {
        None
    }

    /// The same with another activation, for layers that have one.
    fn with_activation(&self, _activation: Activation) -> Option<Layer> {
        None
    }

    /// Whether, in training, what a row gives depends on the other rows of its batch.
    fn mixes_rows(&self) -> bool {
        false
    }

    /// The same as it is outside of training, for layers that differ in it.
    fn at_rest(&self) -> Option<Layer> {
        None
    }

    /// Length of the vectors that it gives, for layers that choose it.
    fn units(&self) -> Option<usize> {
        None
    }

    /// What a pixel that it gives depends on of the pictures that it reads, outside of training.
    fn reach(&self) -> Reach {
        Reach::Whole
    }

    /// Whether a model may end in it: what it gives are logits of a loss.
    fn can_end(&self) -> bool {
        false
    }

    /// Adds its operations, which read `inputs`; returns what it gives.
    fn lower(&self, inputs: &[ValueId], to: &mut Lowering<'_>) -> ValueId;
}

/// What the rows of a layer's parameters are, for optimizers that treat them apart. (A bias behind them never
/// decays.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Matrices that inputs are multiplied by.
    Kernel,
    /// Rows that ids look up.
    Table,
    /// Scales and shifts of normalised values.
    Normalisation,
}

impl Group {
    /// Whether weight decay is for it: not for normalisation, which is scaled anew by what comes behind.
    pub fn decays(self) -> bool {
        matches!(self, Group::Kernel | Group::Table)
    }
}

/// Fresh values of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Initializer {
    Zeros,
    Ones,
    /// Uniform from -limit to limit.
    Uniform(f32),
}

impl Initializer {
    /// Glorot and Bengio 2010: uniform in +-sqrt(6 / (inputs + outputs)).
    pub fn glorot(inputs: usize, outputs: usize) -> Initializer {
        Initializer::Uniform((6.0 / (inputs + outputs) as f64).sqrt() as f32)
    }
}

/// A parameter before it has values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParameterSpec {
    /// `kernel`, `bias`: its name behind the layer's.
    pub role: &'static str,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    pub initializer: Initializer,
}

impl ParameterSpec {
    /// The scale of a normalisation, ones, and its shift, zeros.
    pub fn gamma_and_beta(units: usize) -> Vec<ParameterSpec> {
        let spec = |role, initializer| ParameterSpec { role, shape: vec![units], initializer };
        vec![spec("gamma", Initializer::Ones), spec("beta", Initializer::Zeros)]
    }

    /// A kernel and a bias of zeros.
    pub fn kernel_and_bias(inputs: usize, units: usize) -> Vec<ParameterSpec> {
        let initializer = Initializer::glorot(inputs, units);
        vec![
            ParameterSpec { role: "kernel", shape: vec![inputs, units], initializer },
            ParameterSpec { role: "bias", shape: vec![units], initializer: Initializer::Zeros },
        ]
    }
}

/// How a layer's parameters lie in an arena: rows of `units` elements, then the bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layout {
    pub rows: usize,
    pub units: usize,
    pub bias: BiasPlace,
    /// What the rows are.
    pub group: Group,
    /// Rows that one piece may have, where its kernels can sum no more in one dispatch.
    pub most_rows: usize,
    /// Rows that its kernels read together, so that they must lie in one piece.
    pub together: usize,
}

impl Layout {
    /// How the scale and the shift of a normalisation lie.
    pub fn gamma_and_beta(units: usize) -> Layout {
        let (bias, group) = (BiasPlace::None, Group::Normalisation);
        Layout { rows: 2, units, bias, group, most_rows: 2, together: 2 }
    }
}

/// Layers have a bias unless they are told to have none.
fn has_bias() -> bool {
    true
}

/// Whether what files leave out is at its default.
fn is_true(value: &bool) -> bool {
    *value
}

/// Where a layer's bias lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum BiasPlace {
    None,
    /// Behind the kernel's last row, in the same piece.
    Behind,
    /// In a piece of its own.
    Apart,
    /// In a piece of its own, of so many elements where those are not `units`.
    ApartOf(usize),
}

/// Declares the list of layers: one module and one variant each, with names in files where they differ.
macro_rules! layers {
    ($($(#[$attribute:meta])* $name:ident: $module:ident,)*) => {
        $(
            mod $module;
            pub use $module::$name;

            impl From<$name> for Layer {
                fn from(layer: $name) -> Layer {
                    Layer::$name(layer)
                }
            }
        )*

        /// A layer. In TOML: `{ dense = { units = 11, activation = "relu" } }`. Each has a constructor here:
        /// [`Layer::dense`], [`Layer::embedding`] and so on.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Layer {
            $(
                #[doc = concat!("See [`", stringify!($name), "`].")]
                $(#[$attribute])*
                $name($name),
            )*
        }

        impl Layer {
            pub(crate) fn describe(&self) -> &dyn Describe {
                match self {
                    $(Layer::$name(layer) => layer,)*
                }
            }
        }
    };
}

layers! {
    // `activation` is Keras' name; here it is that of the enum.
    #[serde(rename = "activation")]
    Activate: activate,
    Add: add,
    AveragePool: average_pool,
    BatchNorm: batch_norm,
    Concat: concat,
    Conv2d: conv2d,
    Conv2dTranspose: conv2d_transpose,
    Dense: dense,
    Dropout: dropout,
    Embedding: embedding,
    // `bag` and its `combine` are the names in files since the first release.
    #[serde(rename = "bag", alias = "embedding_bag")]
    EmbeddingBag: embedding_bag,
    Flatten: flatten,
    GlobalAveragePool: global_average_pool,
    GroupNorm: group_norm,
    LayerNorm: layer_norm,
    LeakyRelu: leaky_relu,
    MaxPool: max_pool,
    MeanPool: mean_pool,
    Reshape: reshape,
    Upsample: upsample,
}

pub(crate) use activation::Apply;
pub(crate) use dense::Affine;
pub(crate) use embedding::{Gather, OuterTable};
pub(crate) use embedding_bag::Bag;
pub use embedding_bag::BagMode;
pub(crate) use mean_pool::MeanOverIds;
pub use upsample::Interpolation;

impl Layer {
    /// Its name in TOML and model files: `dense`.
    pub fn kind(&self) -> &'static str {
        self.describe().kind()
    }

    /// Its kind as Keras' class names are written: `Dense`.
    pub fn title(&self) -> &'static str {
        self.describe().title()
    }

    /// Its activation; linear for layers that have none.
    pub fn activation(&self) -> Activation {
        self.describe().activation()
    }

    /// The earlier layer that it reads beside the one before it, by name: of `add` and `concat`.
    pub fn from(&self) -> Option<&str> {
        self.describe().from()
    }

    /// Rows of its table, for layers that read ids: every id is below.
    pub fn table_rows(&self) -> Option<usize> {
        self.describe().table_rows()
    }

    /// The same with a table of this many rows; the same layer where it has none.
    pub fn with_table_rows(self, rows: usize) -> Layer {
        self.describe().with_table_rows(rows).unwrap_or(self)
    }

    /// Length of the vectors that it gives, for layers that choose it: dense, embedding, bag.
    pub fn units(&self) -> Option<usize> {
        self.describe().units()
    }
}

/// Refuses a layer of nothing.
fn at_least_one(name: &str, value: usize) -> Result<(), String> {
    match value {
        0 => Err(format!("{name} is 0, but must be at least 1")),
        _ => Ok(()),
    }
}

/// Refuses ids where values are read.
fn values(shape: Shape) -> Result<Shape, String> {
    match shape.is_ids() {
        true => Err("the data are ids, which an embedding or a bag must read first".into()),
        false => Ok(shape),
    }
}
