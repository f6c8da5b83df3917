//! What a model is for.

use serde::{Deserialize, Serialize};

use super::{Model, Preprocessor};
use crate::losses::Loss;

/// What a model is for: it stands in the model file, so that no reader has to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// It tells which class a row is of.
    Classifier,
    /// It tells which labels a row has: any number of them.
    MultiLabel,
    /// It gives numbers.
    Regression,
    /// It gives back what it reads, by way of its latent layer.
    Autoencoder,
    /// It gives images or rows for others.
    Translation,
    /// A vector for each word.
    WordVectors,
}

impl std::fmt::Display for Kind {
    /// As a sentence has it: "regression", "table of word vectors".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Classifier => "classifier",
            Kind::MultiLabel => "multi-label classifier",
            Kind::Regression => "regression",
            Kind::Autoencoder => "autoencoder",
            Kind::Translation => "translation",
            Kind::WordVectors => "table of word vectors",
        })
    }
}

impl Model {
    /// What it is for: as its file says or, for a new model and one of an older file, by its parts.
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or_else(|| self.inferred_kind())
    }

    pub(super) fn inferred_kind(&self) -> Kind {
        let is_image = matches!(self.preprocessor, Preprocessor::Image(_));
        let is_coder = self.latent_layer.is_some();
        match self.loss {
            Loss::NegativeSampling => Kind::WordVectors,
            Loss::BinaryCrossentropy
                if !self.labels.is_empty() && self.labels.len() == self.outputs() =>
            {
                Kind::MultiLabel
            }
            _ if !self.labels.is_empty() => Kind::Classifier,
            _ if self.translates() && (is_coder || is_image) => Kind::Translation,
            _ if is_coder => Kind::Autoencoder,
            Loss::BinaryCrossentropy | Loss::CategoricalCrossentropy => Kind::Classifier,
            _ => Kind::Regression,
        }
    }
}

impl Model {
    /// Probability from which on a label is answered where no other is kept, by a model of several labels.
    pub const THRESHOLD: f32 = 0.5;

    /// Whether a label of this probability is answered, by a model that gives a row any number of labels: from the
    /// label's threshold on.
    pub fn answers(&self, label: usize, probability: f32) -> bool {
        let threshold = match &self.thresholds[..] {
            [] => Model::THRESHOLD,
            [all] => *all,
            each => each.get(label).copied().unwrap_or(Model::THRESHOLD),
        };
        probability >= threshold
    }

    /// Says what it is for.
    pub(crate) fn set_kind(&mut self, kind: Kind) {
        self.kind = Some(kind);
    }
}
